// What every field has: a label, a hint, and an error in the server's or our words.

import { fresh, h } from "./dom.js";

/** A value that cannot be sent, with what to write instead. */
export class Invalid extends Error {
  constructor(name, message) {
    super(message);
    this.name_ = name;
  }
}

/** The type of a tensor for people: `float32`, or `float32 · n × 2` where it has a shape; n varies. */
export function typeOf(type, shape = []) {
  const sizes = shape.map((size) => (size < 0 ? "n" : size)).join(" × ");
  return sizes ? `${type} · ${sizes}` : type;
}

/** A place for an error, tied to a control: {element, show(message), clear()}. */
export function errorOf(control, hintId = "") {
  const id = fresh("error");
  const element = h("p", { id, class: "error", hidden: true });
  const described = (ids) => (ids ? control.setAttribute("aria-describedby", ids) : control.removeAttribute("aria-describedby"));
  described(hintId);
  return {
    element,
    show(message) {
      element.textContent = message;
      element.hidden = false;
      control.setAttribute("aria-invalid", "true");
      described(`${id} ${hintId}`.trim());
    },
    clear() {
      element.hidden = true;
      control.removeAttribute("aria-invalid");
      described(hintId);
    },
  };
}

/** The frame of a field around its control. */
export function framed(field, control, hint, error, ...more) {
  const shown = field.note ?? (field.shape ? typeOf(field.type, field.shape) : null);
  return h("div", { class: "field" }, [
    h("div", { class: "field-head" }, [
      h("label", { for: control.id }, field.name),
      shown && h("span", { class: "type" }, shown),
      !field.required && h("span", { class: "type" }, "optional"),
    ].filter(Boolean)),
    control,
    ...more,
    hint,
    error.element,
  ]);
}

/** A hint under a control, or null. */
export function hintOf(text) {
  return text ? h("p", { id: fresh("hint"), class: "hint" }, text) : null;
}
