// The head of the page: the model's name, and what it is at a glance.

import { device } from "./about.js";
import { h } from "./dom.js";

/** Fills the head from /info. */
export function head(info) {
  document.title = `${info.name}: try the model`;
  document.getElementById("name").textContent = info.name;
  const chips = [
    info.version && ["Version", info.version],
    ["Runs on", device(info)],
    info.batching?.enabled && ["Batches", `up to ${info.batching.max_size}`],
    ["SHA-256", info.sha256.slice(0, 12)],
  ].filter(Boolean);
  const list = chips.flatMap(([name, value]) => h("div", { class: "chip" }, [h("dt", {}, name), h("dd", {}, value)]));
  document.getElementById("chips").replaceChildren(...list);
}
