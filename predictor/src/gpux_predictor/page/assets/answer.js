// The answer drawn: what a value is decides how it is shown.

import { h } from "./dom.js";
import { bars, percent, probabilities, shown } from "./bars.js";
import { outline, table } from "./numbers.js";
import { picture, pictureOf, sizesOf } from "./picture.js";

const MOST_BARS = 60;
const MOST_ITEMS = 10;
const IDENTITY = ["model_version", "model_run_id"];

/** The answer of /predict, or the result of a task; `outputs` are those of the form. */
export function answer(value, outputs) {
  if (Array.isArray(value)) return items("Entity", value, (item) => answer(item, outputs));
  if (value && typeof value.prediction === "object") return entity(value, outputs);
  if (value && "model_run_id" in value) return prediction(value, outputs);
  return h("div", { class: "outputs" }, Object.entries(value).map(([name, part]) => output(name, part, outputs)));
}

/** One sentence that says what is most likely, for those who do not see the bars; "" where nothing is. */
export function headline(value, outputs) {
  const [name, first] = Object.entries(value?.prediction ?? value ?? {})[0] ?? [];
  const labels = labelsOf(outputs.find((item) => item.name === name), first?.length);
  if (labels && Array.isArray(first) && probabilities(first)) {
    const place = first.indexOf(Math.max(...first));
    return `${labels[place]}, ${percent(first[place])}`;
  }
  if (isScores(first)) return `${first[0].label ?? first[0].index}, ${percent(first[0].score)}`;
  if (isNumbers(first) && probabilities(Object.values(first))) {
    const [label, score] = Object.entries(first).reduce((best, next) => (next[1] > best[1] ? next : best));
    return `${label}, ${percent(score)}`;
  }
  return typeof first === "object" || first === undefined ? "" : `${name} ${first}`;
}

function entity(value, outputs) {
  const [key, name] = Object.entries(value).find(([part]) => part !== "prediction") ?? ["entity", ""];
  return h("section", { class: "entity", "aria-label": `${key} ${name}` }, [
    h("p", { class: "entity-key" }, `${key} ${name}`),
    prediction(value.prediction, outputs),
  ]);
}

function prediction(value, outputs) {
  const parts = Object.entries(value).filter(([name]) => !IDENTITY.includes(name));
  const keys = Object.keys(value.probabilities ?? {});
  const names = labelsOf(outputs.find((item) => item.name === "probabilities"), keys.length);
  const meant = names?.[keys.indexOf(String(value.predicted_class))];
  return h("div", { class: "outputs" }, [
    ...parts.map(([name, part]) => output(name, part, outputs, names, name === "predicted_class" ? meant : null)),
    h("p", { class: "hint" }, `by version ${value.model_version ?? "without a name"}${value.model_run_id ? `, run ${value.model_run_id}` : ""}`),
  ]);
}

function output(name, value, outputs, names = null, meant = null) {
  const found = outputs.find((item) => item.name === name);
  const labels = names ?? labelsOf(found, value?.length);
  return h("section", { class: "output", "aria-label": name }, [
    h("h3", {}, name),
    found?.description && !labels ? h("p", { class: "hint" }, found.description) : null,
    meant ? h("p", { class: "value" }, [shown(value), h("span", { class: "meant" }, meant)]) : drawn(name, value, labels),
  ]);
}

/** Names for the values of an output: of a description that lists as many, separated by commas. */
export function labelsOf(output, count) {
  const names = (output?.description ?? "").replace(/^of /, "").split(",").map((name) => name.trim());
  return count > 1 && names.length === count && names.every((name) => name && name.length <= 24) ? names : null;
}

function drawn(name, value, labels) {
  if (isScores(value)) return bars(name, value.map((item) => ({ name: String(item.label ?? item.index), value: item.score })), true);
  if (Array.isArray(value)) return array(name, value, labels);
  if (isNumbers(value)) return named(name, value, labels);
  if (value && typeof value === "object") return h("div", { class: "outputs" }, Object.entries(value).map(([part, inner]) => output(part, inner, [])));
  return h("p", { class: "value" }, shown(value));
}

function named(name, value, labels) {
  const share = probabilities(Object.values(value));
  const rows = Object.entries(value).map(([key, amount], place) => ({ name: key, value: amount, note: labels?.[place] }));
  return bars(name, share ? rows.sort((a, b) => b.value - a.value) : rows, share);
}

function array(name, value, labels) {
  const sizes = sizesOf(value);
  if (!sizes) return items("Sample", value, (item, title) => drawn(title, item, null));
  const found = pictureOf(value, sizes);
  if (found) return picture(name, found);
  if (sizes.length === 1) {
    const numbered = value.map((amount, place) => ({ name: labels?.[place] ?? String(place), value: amount }));
    return value.length > MOST_BARS ? outline(name, value) : bars(name, numbered, probabilities(value));
  }
  return sizes.length === 2 ? table(name, value) : items("Part", value, (item, title) => drawn(title, item, null));
}

function items(what, values, draw) {
  if (!values.length) return h("p", { class: "value" }, "empty");
  if (values.every((value) => typeof value !== "object")) return table(what, values.map((value) => [value]));
  const shownOnes = values.slice(0, MOST_ITEMS).map((value, place) => {
    const title = `${what} ${place}`;
    return h("section", { class: "item", "aria-label": title }, [h("p", { class: "entity-key" }, title), draw(value, title)]);
  });
  const more = values.length - MOST_ITEMS;
  return h("div", {}, [...shownOnes, more > 0 ? h("p", { class: "hint" }, `and ${more} more, in the JSON`) : null]);
}

function isScores(value) {
  return Array.isArray(value) && value.length > 0 && value.every((item) => item && typeof item === "object" && "score" in item);
}

function isNumbers(value) {
  if (!value || typeof value !== "object" || Array.isArray(value)) return false;
  const parts = Object.values(value);
  return parts.length > 0 && parts.every((part) => typeof part === "number" || part === null);
}
