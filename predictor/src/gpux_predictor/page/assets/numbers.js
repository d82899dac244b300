// Arrays of numbers that are neither names with bars nor pictures: tables, and the outline of long vectors.

import { h, svg } from "./dom.js";
import { shown } from "./bars.js";

const ROWS = 20;
const COLUMNS = 12;

/** A table of rows of numbers or texts; what is beyond its limits is said. */
export function table(caption, rows) {
  const width = Math.max(...rows.map((row) => row.length));
  const cut = (row) => row.slice(0, COLUMNS).map((value) => h("td", {}, cell(value)));
  const head = Array.from({ length: Math.min(width, COLUMNS) }, (_, column) => h("th", { scope: "col" }, String(column)));
  const body = rows.slice(0, ROWS).map((row, place) => h("tr", {}, [h("th", { scope: "row" }, String(place)), ...cut(row)]));
  const more = rows.length > ROWS || width > COLUMNS;
  return h("div", {}, [
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, [
      h("table", { class: "numbers" }, [
        h("caption", { class: "spoken" }, caption),
        h("thead", {}, h("tr", {}, [h("td"), ...head])),
        h("tbody", {}, body),
      ]),
    ]),
    more ? h("p", { class: "hint" }, `The first of ${rows.length} × ${width}; all are in the JSON.`) : null,
  ]);
}

/** The outline of a long vector, with what it is of. */
export function outline(name, values) {
  const numbers = values.map((value) => value ?? 0);
  const [least, most] = numbers.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [0, 0]);
  const norm = Math.sqrt(numbers.reduce((sum, value) => sum + value * value, 0));
  const y = (value) => 40 - (38 * (value - least)) / (most - least || 1) - 1;
  const step = Math.max(1, Math.ceil(numbers.length / 800));
  const points = numbers.filter((_, place) => place % step === 0).map((value, place) => `${place},${y(value).toFixed(2)}`);
  const drawn = svg("svg", { viewBox: `0 0 ${points.length - 1} 40`, preserveAspectRatio: "none", class: "outline", role: "img", "aria-label": `${name} as a line` }, [
    svg("line", { x1: 0, x2: points.length - 1, y1: y(0), y2: y(0), class: "zero" }),
    svg("polyline", { points: points.join(" ") }),
  ]);
  const facts = `${values.length} numbers from ${shown(least)} to ${shown(most)}, L2 norm ${shown(norm)}`;
  return h("figure", {}, [drawn, h("figcaption", {}, facts)]);
}

function cell(value) {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : shown(value);
}
