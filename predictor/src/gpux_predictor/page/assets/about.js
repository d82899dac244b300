// What the model is.

import { copyButton } from "./copying.js";
import { h } from "./dom.js";
import { typeOf } from "./field.js";
import { shown } from "./bars.js";

/** The facts of /info. */
export function about(info) {
  return [
    h("div", { class: "card" }, facts(info)),
    h("div", { class: "card" }, [tensors("Inputs of the graph", info.inputs), tensors("Outputs of the graph", info.outputs)]),
    h("div", { class: "card" }, batching(info.batching)),
  ];
}

/** The execution provider without its suffix: CPU, CUDA, Tensorrt. */
export function device(info) {
  return info.provider.replace("ExecutionProvider", "");
}

function facts(info) {
  const rows = {
    Model: info.model_name,
    Version: info.version,
    "Run id": info.model_run_id,
    "Runs on": device(info),
    Format: `${info.format}, ${bytes(info.size_bytes)}`,
    Producer: info.metadata?.producer,
    "SHA-256": h("span", { class: "digest" }, [h("code", {}, info.sha256), copyButton("Copy the SHA-256", () => info.sha256)]),
  };
  const given = Object.entries(rows).filter(([, value]) => value);
  return [h("h3", {}, "The file"), h("dl", {}, given.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))];
}

function bytes(size) {
  return size < 2 ** 20 ? `${(size / 1024).toFixed(1)} KiB` : `${(size / 2 ** 20).toFixed(1)} MiB`;
}

function tensors(title, found) {
  const rows = found.map((tensor) => h("tr", {}, [
    h("th", { scope: "row" }, [tensor.name, tensor.description ? h("span", { class: "note" }, tensor.description) : null]),
    h("td", {}, h("span", { class: "type" }, typeOf(tensor.type, tensor.shape))),
  ]));
  return h("div", {}, [h("h3", {}, title), h("table", { class: "tensors" }, [h("caption", { class: "spoken" }, title), h("tbody", {}, rows)])]);
}

function batching(found) {
  const heading = h("h3", {}, "Batches");
  const said = found.enabled ? `Requests that wait share a run, up to ${found.max_size} samples: ` : "Each request runs by itself: ";
  const parts = [heading, h("p", { class: "hint" }, `${said}${found.reason}.`)];
  if (found.curve.length) parts.push(curve(found.curve));
  return parts;
}

function curve(points) {
  const most = Math.max(...points.map((point) => point.per_second));
  const rows = points.map((point) => {
    const fill = h("span", { class: "bar-fill" });
    fill.style.setProperty("--length", point.per_second / most);
    return h("tr", {}, [
      h("th", { scope: "row" }, String(point.batch)),
      h("td", { class: "amount" }, `${shown(point.milliseconds)} ms`),
      h("td", { class: "bar", "aria-hidden": "true" }, fill),
      h("td", { class: "amount" }, rate(point.per_second)),
    ]);
  });
  return h("table", { class: "bars curve" }, [
    h("caption", { class: "spoken" }, "What a batch costs"),
    h("thead", {}, h("tr", {}, [
      h("th", { scope: "col" }, "Samples"),
      h("th", { scope: "col", class: "amount" }, "A run"),
      h("td"),
      h("th", { scope: "col", class: "amount" }, "Samples/s"),
    ])),
    h("tbody", {}, rows),
  ]);
}

function rate(value) {
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  return value >= 1e4 ? `${Math.round(value / 1e3)} k` : String(Math.round(value));
}
