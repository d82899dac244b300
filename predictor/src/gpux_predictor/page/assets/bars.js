// Numbers with names as bars.

import { h } from "./dom.js";

const SHOWN = 12;

/** A number for people: four significant digits, no exponent where it can do without. */
export function shown(value) {
  if (value === null) return "NaN";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4 ? value.toExponential(3) : String(Number(value.toPrecision(4)));
}

/** A part of one as percent. */
export function percent(value) {
  if (value === null) return "NaN";
  return value > 0 && value < 0.0005 ? "< 0.1 %" : `${(value * 100).toFixed(1)} %`;
}

/** Whether values are parts of one. */
export function probabilities(values) {
  const sum = values.reduce((total, value) => total + value, 0);
  return values.every((value) => typeof value === "number" && value >= 0 && value <= 1) && Math.abs(sum - 1) < 0.01;
}

/** A table of {name, value, note}; `share` of values that are parts of one, of which the largest is marked. */
export function bars(caption, rows, share) {
  const most = share ? 1 : Math.max(...rows.map((row) => Math.abs(row.value ?? 0)), Number.MIN_VALUE);
  const best = Math.max(...rows.map((row) => row.value ?? -Infinity));
  const signed = rows.some((row) => row.value < 0);
  const made = rows.map((row) => bar(row, most, signed, share, row.value === best));
  const table = (part) => h("table", { class: "bars" }, [h("caption", { class: "spoken" }, caption), h("tbody", {}, part)]);
  if (made.length <= SHOWN) return table(made);
  const more = made.length - SHOWN;
  return h("div", {}, [
    table(made.slice(0, SHOWN)),
    h("details", {}, [h("summary", {}, `${more} more`), table(made.slice(SHOWN))]),
  ]);
}

function bar(row, most, signed, share, best) {
  const length = Math.abs(row.value ?? 0) / most;
  const inner = h("span", { class: row.value < 0 ? "bar-fill negative" : "bar-fill" });
  inner.style.setProperty("--length", length);
  return h("tr", { class: best && "best" }, [
    h("th", { scope: "row", class: row.name.length + (row.note?.length ?? 0) > 28 && "long" }, [row.name, row.note && h("span", { class: "note" }, row.note)].filter(Boolean)),
    h("td", { class: signed ? "bar signed" : "bar", "aria-hidden": "true" }, inner),
    h("td", { class: "amount" }, share ? percent(row.value) : shown(row.value)),
  ]);
}
