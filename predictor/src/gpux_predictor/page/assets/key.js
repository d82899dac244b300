// The reader's API key, where the model asks for one: kept for this tab, sent with each request, never shown again.

import { fresh, h } from "./dom.js";

const NAME = `gpux-key ${document.baseURI}`;
let key = stored();

/** The headers that carry the key; none where there is none. */
export function keyHeaders() {
  return key ? { "X-API-Key": key } : {};
}

/** Asks for a key in `place`, and says why; resolves once there is one. */
export function askForKey(place, detail) {
  keep("");
  return new Promise((resolve) => {
    const id = fresh("key");
    const input = h("input", { id, type: "password", autocomplete: "off", spellcheck: "false", "aria-describedby": `${id}-why ${id}-error` });
    const error = h("p", { id: `${id}-error`, class: "error", role: "alert" });
    const given = (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (!/^[\x21-\x7e]+$/.test(text)) {
        error.textContent = text ? "A key has no spaces, and only characters of ASCII" : "Enter a key";
        input.focus();
        return;
      }
      keep(text);
      place.hidden = true;
      place.replaceChildren();
      resolve();
    };
    place.replaceChildren(
      h("form", { class: "card waiting", novalidate: true, onsubmit: given }, [
        h("h2", {}, "This model asks for a key"),
        h("p", { id: `${id}-why` }, detail),
        h("div", { class: "field" }, [h("label", { for: id }, "API key"), input, error]),
        h("div", { class: "actions" }, h("button", { type: "submit", class: "main" }, "Use this key")),
        h("p", { class: "hint" }, "It stays in this tab, and goes to this server only."),
      ]),
    );
    place.hidden = false;
    input.focus();
  });
}

function keep(text) {
  key = text;
  try {
    sessionStorage.setItem(NAME, text);
  } catch {
    // a browser without storage asks again after a reload
  }
}

function stored() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}
