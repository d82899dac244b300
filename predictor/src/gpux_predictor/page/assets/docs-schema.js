// A JSON Schema as a table: a row for each name, choices under headings of their own.

import { choicesOf, limits, typeText, unnested } from "./docs-types.js";
import { h } from "./dom.js";
import { resolved } from "./docs-document.js";

const MOST_DEPTH = 8;

/** The table of a schema; `caption` tells it from the others for those who do not see it. */
export function schemaTable(schema, root, caption) {
  return table(rows(schema, root), caption);
}

/** A table of parameters or headers: {name, schema, required, description, place}. */
export function namedTable(items, root, caption) {
  return table(items.map(({ name, schema = {}, required, description, place }) => ({
    name,
    depth: 0,
    type: [typeText(schema, root), place && `in ${place}`].filter(Boolean).join(", "),
    required,
    description,
    limits: limits(resolved(schema, root), root),
  })), caption);
}

function table(found, caption) {
  return h("table", { class: "schema" }, [
    h("caption", { class: "spoken" }, caption),
    h("thead", {}, h("tr", {}, [h("th", { scope: "col" }, "Name and type"), h("th", { scope: "col" }, "What")])),
    h("tbody", {}, found.map(drawn)),
  ]);
}

/** [{depth, name, type, required, description, limits, choice}]: the schema itself, then what is inside, in order. */
export function rows(schema, root) {
  return [...node({ name: null, schema, depth: 0, required: true }, root)];
}

function* node({ name, schema, depth, required, choice }, root) {
  const whole = resolved(schema, root);
  const { item, shape } = unnested(whole, root);
  const inner = inside(item, root);
  yield {
    name,
    choice,
    depth,
    required,
    type: inner ? [inner.text, ...(shape.length ? [shape.join(" × ")] : [])].join(" · ") : typeText(whole, root),
    description: whole.description ?? item.description,
    limits: inner?.choices ? [] : limits(whole, root),
  };
  if (!inner || depth >= MOST_DEPTH) return;
  for (const part of inner.parts) yield* node({ ...part, depth: depth + 1 }, root);
}

/** What has rows of its own: an object's names, or choices of which one has some; null for what fits in one line. */
function inside(item, root) {
  const choices = choicesOf(item)?.map((choice) => resolved(choice, root));
  if (choices) {
    const plain = choices.every((choice) => !inside(unnested(choice, root).item, root) && !choice.title && !choice.description);
    return plain ? null : { text: "one of", choices: true, parts: choices.map(chosen) };
  }
  const names = Object.entries(item.properties ?? {});
  const others = item.additionalProperties;
  if (others && typeof others === "object") names.push(["any name", others]);
  if (!names.length) return null;
  const required = item.required ?? [];
  return { text: "object", parts: names.map(([name, schema]) => ({ name, schema, required: required.includes(name) })) };
}

function chosen(schema, place) {
  return { name: null, choice: schema.title ?? `Choice ${place + 1}`, schema, required: true };
}

function drawn(row) {
  const label = row.choice ?? row.name;
  const first = h("th", { scope: "row", class: row.choice ? "choice" : null }, [
    label === null ? null : h("span", { class: "row-name" }, label),
    h("span", { class: "type" }, row.type),
    ...(row.required ? [] : [" ", h("span", { class: "type" }, "optional")]),
  ]);
  first.style.setProperty("--depth", row.depth);
  return h("tr", {}, [
    first,
    h("td", {}, [
      row.description ? h("p", {}, row.description) : null,
      row.limits.length ? h("p", { class: "hint" }, `${row.limits.join(". ")}.`) : null,
    ]),
  ]);
}
