// Tabs by the WAI-ARIA pattern: arrows move, the chosen one is in the order of Tab.

import { fresh, h } from "./dom.js";

/** Tabs over one panel; `choose(name)` hears of each choice. */
export function tabs(label, names, panel, choose) {
  panel.id ||= fresh("panel");
  panel.setAttribute("role", "tabpanel");
  const buttons = names.map((name) => h("button", {
    type: "button", role: "tab", id: fresh("tab"), "aria-controls": panel.id, onclick: () => select(name), onkeydown: move,
  }, name));

  function select(name) {
    buttons.forEach((button, place) => {
      const chosen = names[place] === name;
      button.setAttribute("aria-selected", String(chosen));
      button.tabIndex = chosen ? 0 : -1;
      if (chosen) panel.setAttribute("aria-labelledby", button.id);
    });
    choose(name);
  }

  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next = (buttons.indexOf(event.target) + step + names.length) % names.length;
    select(names[next]);
    buttons[next].focus();
  }

  select(names[0]);
  return h("div", { role: "tablist", "aria-label": label, class: "tabs" }, buttons);
}
