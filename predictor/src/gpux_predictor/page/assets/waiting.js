// A model that is not ready: why, and trying again.

import { health } from "./api.js";
import { h } from "./dom.js";

const FIRST_SECONDS = 0.5;
const MOST_SECONDS = 5;
const PHASES = ["Starting", "Downloading", "Loading", "WarmingUp", "CheckingSamples"];

/** Resolves once the model is ready; until then `place` says why it is not. */
export async function ready(place) {
  for (let seconds = FIRST_SECONDS; ; seconds = Math.min(MOST_SECONDS, seconds * 1.5)) {
    const found = await health();
    if (found.ready) {
      place.hidden = true;
      return;
    }
    show(place, found);
    await new Promise((resolve) => {
      setTimeout(resolve, seconds * 1000);
    });
  }
}

/** Says in `place` why there is no page yet. */
export function show(place, { reason, detail, model }) {
  if (model) document.getElementById("name").textContent = model;
  const coming = PHASES.includes(reason);
  const key = `${reason} ${detail}`;
  if (place.hidden === false && place.dataset.shown === key) return; // said once
  place.dataset.shown = key;
  place.hidden = false;
  place.replaceChildren(
    h("div", { class: coming ? "card waiting" : "card waiting failed" }, [
      h("h2", {}, coming ? "The model is on its way" : "The model is not ready"),
      h("p", { class: "reason" }, h("code", {}, reason)),
      h("p", {}, detail),
      h("p", { class: "hint" }, "This page asks again by itself and goes on when the model is ready."),
    ]),
  );
}
