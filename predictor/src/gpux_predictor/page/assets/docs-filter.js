// The field that leaves only the operations with certain words.

/** Binds the field; {clear()} shows all of them again. */
export function filtered(input, status, tags) {
  const all = tags.flatMap((tag) => tag.operations);
  const texts = new Map(all.map((item) => [item.id, text(item)]));

  function apply() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const left = new Set(all.filter((item) => words.every((word) => texts.get(item.id).includes(word))).map((item) => item.id));
    for (const element of document.querySelectorAll("[data-operation]")) element.hidden = !left.has(element.dataset.operation);
    const kept = new Set(tags.filter((tag) => tag.operations.some((item) => left.has(item.id))).map((tag) => tag.id));
    for (const element of document.querySelectorAll("[data-tag]")) element.hidden = !kept.has(element.dataset.tag);
    status.textContent = words.length ? `${left.size} of ${all.length} calls` : `${all.length} calls`;
  }

  input.oninput = apply;
  apply();
  return {
    clear() {
      input.value = "";
      apply();
    },
  };
}

function text(item) {
  const names = item.parameters.map((parameter) => parameter.name);
  return [item.method, item.path, item.summary, item.description, item.operationId, item.tag, ...names].join(" ").toLowerCase();
}
