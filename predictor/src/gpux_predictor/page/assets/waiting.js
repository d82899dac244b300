// A model that is not ready, or does not answer yet: why, and trying again.

import { detail, get, health, pause } from "./api.js";
import { h } from "./dom.js";
import { askForKey } from "./key.js";

const FIRST_SECONDS = 0.5;
const MOST_SECONDS = 5;
const AGAIN_SECONDS = 3;
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
    await pause(null, seconds);
  }
}

/** What a GET answers, asked for until it comes: `place` says why it has not, `key` is where a key is asked for. */
export async function asked(path, place, key) {
  for (;;) {
    const answer = await get(path).catch((error) => ({ status: 0, text: error.message }));
    if (answer.json) {
      place.hidden = true;
      return answer;
    }
    if (answer.status === 401) {
      place.hidden = true;
      await askForKey(key, detail(answer.text));
    } else {
      const title = answer.status === 429 ? "The server asks to wait" : "The server does not describe the model";
      show(place, { title, reason: answer.status ? `${answer.status}` : "NoAnswer", detail: detail(answer.text) });
      await pause(answer.retryAfter, AGAIN_SECONDS);
    }
  }
}

/** Says in `place` why there is no page yet. */
export function show(place, { reason, detail, model, title = "The model is not ready" }) {
  if (model) document.getElementById("name").textContent = model;
  const coming = PHASES.includes(reason);
  const key = `${reason} ${detail}`;
  if (place.hidden === false && place.dataset.shown === key) return; // said once
  place.dataset.shown = key;
  place.hidden = false;
  place.replaceChildren(
    h("div", { class: coming ? "card waiting" : "card waiting failed" }, [
      h("h2", {}, coming ? "The model is on its way" : title),
      h("p", { class: "reason" }, h("code", {}, reason)),
      h("p", {}, detail),
      h("p", { class: "hint" }, "This page asks again by itself and goes on when the model is ready."),
    ]),
  );
}
