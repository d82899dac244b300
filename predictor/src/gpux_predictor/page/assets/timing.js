// Where the time went: the server's stages by Server-Timing, and the rest of what the browser measured.

import { h } from "./dom.js";

const STAGES = { queue: "waited", preprocess: "preprocessing", run: "model", postprocess: "postprocessing" };

/** Milliseconds by stage from a Server-Timing header; {} without one. */
export function stages(header) {
  const parts = (header ?? "").split(",").map((part) => /^\s*(\w+);dur=([\d.]+)/.exec(part)).filter(Boolean);
  return Object.fromEntries(parts.map(([, name, amount]) => [name, Number(amount)]));
}

/** The split of one request; null where the server says nothing. */
export function timing(header, milliseconds) {
  const found = stages(header);
  if (!Object.keys(found).length) return null;
  const server = Object.values(found).reduce((sum, amount) => sum + amount, 0);
  const rows = [
    ...Object.entries(found).map(([name, amount]) => [name, STAGES[name] ?? name, amount]),
    ["network", "network and browser", Math.max(0, milliseconds - server)],
  ];
  const strip = h("div", { class: "strip", "aria-hidden": "true" }, rows.map(([name, , amount]) => {
    const part = h("span", { class: `stage stage-${name}` });
    part.style.flexGrow = amount;
    return part;
  }));
  return h("section", { class: "timing", "aria-label": "Timing" }, [
    h("h3", {}, ["Time", h("span", { class: "note" }, `${milliseconds.toFixed(1)} ms in all, ${server.toFixed(2)} ms in the server`)]),
    strip,
    h("table", { class: "legend" }, [
      h("caption", { class: "spoken" }, "Milliseconds by stage"),
      h("tbody", {}, rows.map(([name, text, amount]) => h("tr", {}, [
        h("th", { scope: "row" }, [h("span", { class: `dot stage-${name}`, "aria-hidden": "true" }), text]),
        h("td", {}, `${amount < 0.1 ? amount.toFixed(3) : amount.toFixed(1)} ms`),
      ]))),
    ]),
  ]);
}
