// The request: typed fields, or the whole body as JSON.

import { h } from "./dom.js";
import { featureTable } from "./feature-table.js";
import { Invalid, errorOf } from "./field.js";
import { imageField } from "./image-field.js";
import { indent } from "./json.js";
import { checked, tensorField } from "./tensor-field.js";
import { textField, valueField } from "./text-field.js";

const MADE = { text: textField, image: imageField, tensor: tensorField, features: featureTable };

/** The form of a model: {element, body(), setRaw(wanted), blame(detail, name), clear()}; `changed` hears of each edit. */
export function requestForm(form, changed) {
  const fields = form.fields.map((field) => (MADE[field.kind] ?? valueField)(field, changed));
  const typed = h("div", { class: "fields" }, fields.map((field) => field.element));
  const { whole, text, error } = wholeBody(changed);
  const element = h("div", {}, [typed]);
  let raw = false;

  const parts = () => fields.flatMap((field) => field.parts());
  return {
    element,
    /** {json, parts}: the body's text, and what it was made of; parts is null for a body that was typed as JSON. */
    body() {
      if (raw) return { json: checked(null, text.value), parts: null };
      const found = parts();
      return { json: joined(found), parts: found };
    },
    setRaw(wanted) {
      if (wanted === raw) return;
      if (wanted) text.value = attempted(() => indent(joined(parts()), 60)) ?? text.value;
      raw = wanted;
      element.replaceChildren(raw ? whole : typed);
      changed();
    },
    /** Shows an error at the field that it names first, if it names one. */
    blame(detail, name = null) {
      const names = name ? [name] : [...detail.matchAll(/'([^']+)'/g)].map((match) => match[1]);
      if (raw) {
        error.show(detail);
        text.focus();
        return;
      }
      const wanted = names.find((candidate) => fields.some((field) => field.names.includes(candidate)));
      fields.find((field) => field.names.includes(wanted))?.fail(wanted, detail);
    },
    clear() {
      error.clear();
      fields.forEach((field) => field.clear());
    },
  };
}

function wholeBody(changed) {
  const text = h("textarea", { id: "raw-body", class: "code", rows: 12, spellcheck: "false", oninput: changed });
  const error = errorOf(text);
  const label = h("label", { for: text.id }, "Body of the request, in JSON");
  return { whole: h("div", { class: "field" }, [label, text, error.element]), text, error };
}

function joined(parts) {
  return `{${parts.map((part) => `${JSON.stringify(part.name)}: ${part.json}`).join(", ")}}`;
}

function attempted(make) {
  try {
    return make();
  } catch (error) {
    if (error instanceof Invalid) return null;
    throw error;
  }
}
