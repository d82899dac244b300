// A text, and the single values that are typed in one line.

import { fresh, h } from "./dom.js";
import { Invalid, errorOf, framed, hintOf } from "./field.js";
import { number } from "./json.js";

const KINDS = { number: "a number", integer: "a whole number" };

/** A field for a text of any length. */
export function textField(field, changed) {
  const control = h("textarea", { id: fresh("text"), rows: 3, spellcheck: "false", oninput: changed });
  const most = field.max_tokens ? `Up to ${field.max_tokens} tokens; what is longer is cut.` : null;
  return single(field, control, most, (text) => JSON.stringify(text));
}

/** A field for one number, string or boolean. */
export function valueField(field, changed) {
  const hint = [field.description, field.max_length && `Up to ${field.max_length} characters.`].filter(Boolean).join(". ");
  const control = valueControl(field, changed);
  return single(field, control, hint, (text) => valueJson(field, text));
}

function single(field, control, hintText, toJson) {
  if (field.example) control.value = textOf(field.example);
  const hint = hintOf(hintText);
  const error = errorOf(control, hint?.id);
  return {
    names: [field.name],
    element: framed(field, control, hint, error),
    parts() {
      if (!field.required && control.value === "") return [];
      return [{ name: field.name, json: toJson(control.value) }];
    },
    fail(_, message) {
      error.show(message);
      control.focus();
    },
    clear: error.clear,
  };
}

/** The control for one element of a tensor. */
export function valueControl(field, changed) {
  const id = fresh("value");
  if (field.kind === "boolean") {
    const empty = field.required ? [] : [h("option", { value: "" }, "—")];
    return h("select", { id, onchange: changed }, [...empty, h("option", {}, "true"), h("option", {}, "false")]);
  }
  const numeric = field.kind === "number" || field.kind === "integer";
  const mode = { number: "decimal", integer: "numeric" }[field.kind];
  return h("input", { id, type: "text", inputmode: mode, class: numeric && "number", autocomplete: "off", oninput: changed });
}

/** What was typed into it as JSON text. */
export function valueJson(field, text) {
  if (field.kind === "boolean") return text;
  if (field.kind === "string") return JSON.stringify(text);
  const found = number(text);
  if (found === null) throw new Invalid(field.name, text.trim() ? `'${text}' is no number.` : `Write ${KINDS[field.kind]}.`);
  return found;
}

/** What to show in a control for a JSON text. */
export function textOf(json) {
  return json.startsWith('"') ? JSON.parse(json) : json;
}
