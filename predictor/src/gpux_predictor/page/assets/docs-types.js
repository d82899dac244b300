// What one JSON Schema allows, in words. Knows no page.

import { shown } from "./bars.js";
import { resolved, written } from "./docs-document.js";

const SHORT = 24; // allowed values that stand in the type; more of them are listed beside it
const ANY = "any value";

/** The choices of a schema (oneOf, anyOf), or null; those of an array's items are its items'. */
export function choicesOf(schema) {
  return schema.oneOf ?? schema.anyOf ?? null;
}

/** {item, shape}: nested arrays as their innermost schema and sizes, "n" where one varies. */
export function unnested(schema, root) {
  const shape = [];
  let item = resolved(schema, root);
  while (item.type === "array" && !item.prefixItems) {
    shape.push(item.minItems !== undefined && item.minItems === item.maxItems ? String(item.minItems) : "n");
    item = resolved(item.items ?? {}, root);
  }
  return { item, shape };
}

/** The type of a schema for people: `number · n × 4`, `string or null`, `"a" | "b"`. */
export function typeText(schema, root) {
  const { item, shape } = unnested(schema, root);
  return sized(single(item, root), shape);
}

function sized(text, shape) {
  return shape.length ? `${text} · ${shape.join(" × ")}` : text;
}

function single(schema, root) {
  if ("const" in schema) return written(schema.const);
  const choices = choicesOf(schema);
  if (choices) return joined(choices, root);
  if (schema.enum) return shortValues(schema.enum) ? values(schema.enum) : typesOf(schema.enum);
  if (schema.prefixItems) return `[${schema.prefixItems.map((part) => typeText(part, root)).join(", ")}]`;
  if (schema.contentMediaType) return "file";
  return [schema.type ?? (schema.properties ? "object" : ANY)].flat().join(" or ");
}

/** Choices in one line; the same element in every depth of nesting is one choice. */
function joined(choices, root) {
  const kinds = new Map();
  for (const choice of choices) {
    const { item, shape } = unnested(choice, root);
    const text = single(item, root);
    kinds.set(text, [...(kinds.get(text) ?? []), shape]);
  }
  return [...kinds].map(([text, shapes]) => alike(text, shapes)).join(" or ");
}

function alike(text, shapes) {
  const deepest = Math.max(...shapes.map((shape) => shape.length));
  if (shapes.length > 3 && deepest === shapes.length - 1) return `${text} · any shape of up to ${deepest} dimensions`;
  return [...new Set(shapes.map((shape) => sized(text, shape)))].join(" or ");
}

function values(list) {
  return list.map(written).join(" | ");
}

function shortValues(list) {
  return values(list).length <= SHORT;
}

function typesOf(list) {
  return [...new Set(list.map((value) => (value === null ? "null" : typeof value)))].join(" or ");
}

/** What a schema says beyond its type, in short sentences; of choices what any of them says. */
export function limits(schema, root) {
  const { item } = unnested(schema, root);
  const inner = (choicesOf(item) ?? []).flatMap((choice) => limits(resolved(choice, root), root));
  const said = [...new Set(inner), range(item), length(item), item.pattern && `Matches ${item.pattern}`];
  if (item.enum && !shortValues(item.enum)) said.push(`One of ${values(item.enum)}`);
  if (item.default !== undefined) said.push(`Default ${written(item.default)}`);
  if (schema.type === "array" && schema.maxItems !== undefined && schema.maxItems !== schema.minItems) said.push(`At most ${schema.maxItems} items`);
  return said.filter(Boolean);
}

function range(schema) {
  const { minimum: least, maximum: most, exclusiveMinimum: above, exclusiveMaximum: below } = schema;
  if (least !== undefined && most !== undefined) return `${amount(least)} to ${amount(most)}`;
  if (above !== undefined && above === -below) return `Between ±${amount(below)}`;
  const parts = [
    least !== undefined && `at least ${amount(least)}`,
    above !== undefined && `more than ${amount(above)}`,
    most !== undefined && `at most ${amount(most)}`,
    below !== undefined && `less than ${amount(below)}`,
  ].filter(Boolean);
  const text = parts.join(", ");
  return text && text[0].toUpperCase() + text.slice(1);
}

function length({ minLength, maxLength }) {
  if (minLength === undefined && maxLength === undefined) return "";
  if (maxLength === undefined) return minLength === 1 ? "Not empty" : `At least ${minLength} characters`;
  return minLength ? `${minLength} to ${maxLength} characters` : `Up to ${maxLength} characters`;
}

function amount(value) {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return String(value);
  return Math.abs(value) < 1e15 ? shown(value) : value.toExponential(4);
}
