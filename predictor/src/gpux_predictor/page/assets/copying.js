// Copying a text; the clipboard of the platform is closed to pages over plain HTTP, where the old way still works.

import { h } from "./dom.js";

/** A button that copies what `text()` returns. */
export function copyButton(label, text) {
  const button = h("button", { type: "button", class: "quiet", "aria-label": label }, "Copy");
  const said = h("span", { class: "spoken", role: "status" });
  button.addEventListener("click", async () => {
    const done = await copy(text());
    button.textContent = done ? "Copied" : "Press Ctrl+C";
    said.textContent = button.textContent;
    setTimeout(() => {
      button.textContent = "Copy";
      said.textContent = "";
    }, 2000);
  });
  return h("span", {}, [button, said]);
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text) {
  const area = h("textarea", { class: "spoken", "aria-hidden": "true" });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
