// An entity: its key and a row for each of its features.

import { fresh, h } from "./dom.js";
import { errorOf, hintOf } from "./field.js";
import { number } from "./json.js";
import { textOf, valueControl, valueJson } from "./text-field.js";

/** The field of a model of tables. */
export function featureTable(field, changed) {
  const key = h("input", { id: fresh("key"), type: "text", autocomplete: "off", oninput: changed });
  key.value = textOf(field.example);
  const hint = hintOf("Names the entity; the answer repeats it.");
  const keyError = errorOf(key, hint.id);
  const rows = field.features.map((feature) => row(feature, changed));
  const places = new Map(rows.map((item) => [item.feature.name, item]));
  const place = (name) => places.get(name) ?? { error: keyError, control: key };
  return {
    names: [field.key, ...places.keys()],
    element: h("div", { class: "fields" }, [
      h("div", { class: "field" }, [
        h("div", { class: "field-head" }, h("label", { for: key.id }, field.key)),
        key,
        hint,
        keyError.element,
      ]),
      h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Features" }, [
        h("table", { class: "features" }, [
          h("caption", { class: "spoken" }, "Features"),
          h("thead", {}, h("tr", {}, ["Feature", "Type", "Value"].map((text) => h("th", { scope: "col" }, text)))),
          h("tbody", {}, rows.map((item) => item.element)),
        ]),
      ]),
    ]),
    parts() {
      const features = rows.filter((item) => item.given()).map((item) => `${JSON.stringify(item.feature.name)}: ${item.json()}`);
      const entity = number(key.value) ?? JSON.stringify(key.value);
      return [
        { name: field.key, json: entity },
        { name: field.name, json: `{${features.join(", ")}}` },
      ];
    },
    fail(name, message) {
      place(name).error.show(message);
      place(name).control.focus();
    },
    clear() {
      for (const item of [{ error: keyError }, ...rows]) item.error.clear();
    },
  };
}

function row(feature, changed) {
  const control = valueControl(feature, changed);
  if (feature.example) control.value = textOf(feature.example);
  else if (feature.kind === "boolean" && !feature.required) control.value = "";
  const absent = feature.default === null ? "absent" : `absent: ${feature.default}`;
  if (!feature.required) control.placeholder = absent;
  const error = errorOf(control);
  return {
    feature,
    control,
    error,
    given: () => feature.required || control.value !== "",
    json: () => valueJson(feature, control.value),
    element: h("tr", {}, [
      h("th", { scope: "row" }, [
        h("label", { for: control.id }, feature.name),
        feature.required ? null : h("span", { class: "note" }, "optional"),
      ]),
      h("td", {}, h("span", { class: "type" }, feature.type)),
      h("td", {}, [control, error.element]),
    ]),
  };
}
