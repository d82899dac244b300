// The place of the answer: nothing yet, running, the answer, or what was wrong.

import { answer, headline } from "./answer.js";
import { copyButton } from "./copying.js";
import { h } from "./dom.js";
import { indent } from "./json.js";
import { timing } from "./timing.js";

const MOST_SHOWN = 100_000;

/** {element, empty(), running(text), answered(found, outputs), failed(message, status)}; what happens is said in a live region. */
export function resultPanel() {
  const said = h("p", { class: "said", role: "status", "aria-live": "polite" });
  const alarm = h("div", { role: "alert" });
  const shown = h("div", { class: "shown" });
  const element = h("div", { class: "card result" }, [said, alarm, shown]);

  function put(text, nodes, problem = []) {
    said.textContent = text;
    alarm.replaceChildren(...problem);
    shown.replaceChildren(...nodes);
    element.classList.toggle("busy", false);
  }

  return {
    element,
    empty() {
      put("", [h("p", { class: "empty" }, "The example is filled in: run it, and the answer is drawn here.")]);
    },
    running(text) {
      said.textContent = text;
      alarm.replaceChildren();
      element.classList.toggle("busy", true);
    },
    answered(found, outputs) {
      const value = JSON.parse(found.text);
      const first = headline(value, outputs);
      const text = `${found.id ? "The task succeeded" : "Answered"} in ${found.milliseconds.toFixed(1)} ms${first ? `: ${first}` : ""}`;
      put(text, [answer(value, outputs), timing(found.timing, found.milliseconds), json(found.text)].filter(Boolean));
    },
    failed(message, title) {
      put("", [], [h("p", { class: "problem-title" }, title), h("p", { class: "problem" }, message)]);
    },
    stopped() {
      put("Cancelled.", []);
    },
  };
}

function json(text) {
  const long = text.length > MOST_SHOWN;
  const note = long ? h("p", { class: "hint" }, `The first ${MOST_SHOWN.toLocaleString("en")} of ${text.length.toLocaleString("en")} characters.`) : null;
  const code = h("code", {}, long ? text.slice(0, MOST_SHOWN) : indent(text, 60));
  return h("details", { class: "json" }, [
    h("summary", {}, "JSON"),
    h("div", { class: "json-body" }, [copyButton("Copy the JSON", () => text), h("pre", { tabindex: "0", role: "region", "aria-label": "JSON of the answer" }, code), note]),
  ]);
}
