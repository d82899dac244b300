// A tensor as nested arrays in JSON.

import { fresh, h } from "./dom.js";
import { Invalid, errorOf, framed, hintOf } from "./field.js";
import { indent } from "./json.js";

const MOST_ELEMENTS = 200_000; // more are no text that a browser edits well

/** A field for an array. */
export function tensorField(field, changed) {
  const control = h("textarea", { id: fresh("tensor"), rows: 2, class: "code", spellcheck: "false", oninput: changed });
  const elements = field.sizes.reduce((product, size) => product * size, 1);
  if (field.required) control.value = field.example ? indent(field.example, 60) : begun(field, elements);
  control.rows = Math.min(12, Math.max(2, control.value.split("\n").length));
  const hint = hintOf(hintText(field, elements));
  const error = errorOf(control, hint?.id);
  return {
    names: [field.name],
    element: framed(field, control, hint, error),
    parts() {
      if (!field.required && control.value.trim() === "") return [];
      return [{ name: field.name, json: checked(field.name, control.value) }];
    },
    fail(_, message) {
      error.show(message);
      control.focus();
    },
    clear: error.clear,
  };
}

/** JSON text as it was typed, if it is some. */
export function checked(name, text) {
  try {
    JSON.parse(text);
  } catch (error) {
    throw new Invalid(name, text.trim() ? `This is no JSON: ${error.message}` : "Write JSON here.");
  }
  return text.trim();
}

function hintText(field, elements) {
  const large = !field.example && elements > MOST_ELEMENTS;
  const why = large && `${elements.toLocaleString("en")} elements are too many to begin with: paste JSON, or send them as bytes over /v2.`;
  return [field.description, why].filter(Boolean).join(". ");
}

function begun(field, elements) {
  if (elements > MOST_ELEMENTS) return "";
  const text = field.sizes.reduceRight((item, size) => `[${Array(size).fill(item).join(", ")}]`, field.item);
  return indent(text, 60);
}
