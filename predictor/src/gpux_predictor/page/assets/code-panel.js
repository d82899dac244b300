// The programs of `snippets`, in tabs.

import { address } from "./api.js";
import { copyButton } from "./copying.js";
import { h } from "./dom.js";
import { Invalid } from "./field.js";
import { keyHeaders } from "./key.js";
import { besides, snippets } from "./snippets.js";
import { tabs } from "./tabs.js";

/** {element, update(request, asTask)}; `request()` may raise Invalid, and then the last programs stay. */
export function codePanel() {
  const code = h("code");
  const panel = h("div", {}, h("pre", { tabindex: "0", role: "region", "aria-label": "Program" }, code));
  const note = h("p", { class: "hint" });
  let texts = {};
  let chosen = "curl";
  const show = () => {
    code.textContent = texts[chosen] ?? "";
  };
  const choice = tabs("Language", ["curl", "Python", "JavaScript"], panel, (name) => {
    chosen = name;
    show();
  });
  return {
    element: h("div", { class: "card" }, [
      h("div", { class: "card-head" }, [choice, copyButton("Copy the program", () => code.textContent)]),
      panel,
      note,
    ]),
    update(request, asTask) {
      try {
        const found = request();
        const keyed = Object.keys(keyHeaders()).length > 0;
        texts = snippets(address("."), found, asTask, keyed);
        const read = besides(found);
        note.textContent = [read && `Run it in the folder of ${read.file.name}.`, keyed && "It reads your key from the variable API_KEY."].filter(Boolean).join(" ");
        show();
      } catch (error) {
        if (!(error instanceof Invalid)) throw error;
        note.textContent = "The request is not complete: this is the last one that was.";
      }
    },
  };
}
