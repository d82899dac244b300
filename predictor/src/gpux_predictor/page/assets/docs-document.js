// An OpenAPI 3.1 document as data: references resolved, operations by tag. Knows no page.

const METHODS = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/** A document from its text; an integer that JavaScript would round becomes a BigInt where the browser tells its digits. */
export function parsed(text) {
  return JSON.parse(text, (_, value, context) => {
    const rounded = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "");
    return rounded ? BigInt(context.source) : value;
  });
}

/** JSON of a value of `parsed`. */
export function written(value) {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return `[${value.map(written).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${written(part)}`).join(", ")}}`;
}

/** What a `$ref` names in the document (RFC 6901); a value without one as it is, with what stands beside the `$ref` on top. */
export function resolved(value, root) {
  let found = value;
  for (const seen = new Set(); found?.$ref !== undefined; ) {
    const { $ref, ...beside } = found;
    if (!$ref.startsWith("#/") || seen.has($ref)) return beside;
    seen.add($ref);
    const path = $ref.slice(2).split("/").map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"));
    found = { ...path.reduce((inner, part) => inner?.[part], root), ...beside };
  }
  return found;
}

/** [{id, name, description, operations}]: tags in the document's order, each with its operations; those without a tag last. */
export function groups(root) {
  const all = operations(root);
  const known = root.tags ?? [];
  const names = new Set([...known.map((tag) => tag.name), ...all.map((item) => item.tag)]);
  return [...names]
    .map((name) => ({
      id: `tag-${slug(name)}`,
      name,
      description: known.find((tag) => tag.name === name)?.description,
      operations: all.filter((item) => item.tag === name),
    }))
    .filter((tag) => tag.operations.length);
}

/** [{id, method, path, tag, parameters, keyed, …the operation}]; `keyed` ones want a key. */
export function operations(root) {
  return Object.entries(root.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => {
    const found = item[method];
    const schemes = found.security ?? root.security ?? [];
    return {
      ...found,
      id: `operation-${slug(found.operationId ?? `${method}-${path}`)}`,
      method,
      path,
      tag: found.tags?.[0] ?? "Other",
      parameters: [...(item.parameters ?? []), ...(found.parameters ?? [])].map((parameter) => resolved(parameter, root)),
      keyed: schemes.length > 0 && schemes.every((scheme) => Object.keys(scheme).length > 0),
    };
  }));
}

function slug(text) {
  return text.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "");
}
