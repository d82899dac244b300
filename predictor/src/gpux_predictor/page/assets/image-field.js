// A picture: chosen, dropped or pasted, with a preview.

import { fresh, h } from "./dom.js";
import { Invalid, errorOf, framed } from "./field.js";

const TYPES = ["image/png", "image/jpeg", "image/webp"];
const BEGINNINGS = { iVBOR: "image/png", "/9j/": "image/jpeg", UklGR: "image/webp" };

/** A field for an image file. */
export function imageField(field, changed) {
  const control = h("input", { type: "file", id: fresh("image"), accept: TYPES.join(), class: "spoken", onchange: () => take(control.files[0]) });
  const { drop, preview } = dropZone(control.id);
  const error = errorOf(control);
  let file = null;

  async function take(chosen) {
    if (!chosen) return;
    const [, base64] = (await dataUrl(chosen)).split(",");
    show({ name: chosen.name, type: chosen.type || "image/png", base64, bytes: chosen.size });
    changed();
  }

  function show(found) {
    file = found;
    error.clear();
    preview(file);
  }

  listen(drop, take);
  if (field.example) show(example(field.example));
  return {
    names: [field.name],
    element: framed({ ...field, note: "JPEG, PNG or WebP" }, control, null, error, drop),
    parts() {
      if (!file) throw new Invalid(field.name, "Choose a picture.");
      return [{ name: field.name, json: JSON.stringify(file.base64), file }];
    },
    fail(_, message) {
      error.show(message);
      control.focus();
    },
    clear: error.clear,
  };
}

/** Where pictures are dropped: {drop, preview(file)}. A file that is no picture is named without a preview. */
function dropZone(controlId) {
  const name = h("span", { class: "file-name" });
  const image = h("img", { class: "preview", hidden: true });
  const text = [h("span", { class: "like-link" }, "Choose a picture"), " or drop one here", name];
  const preview = (file) => {
    image.onload = () => {
      image.classList.toggle("tiny", image.naturalWidth < 64);
      name.textContent = `${file.name} · ${image.naturalWidth} × ${image.naturalHeight} · ${size(file.bytes)}`;
    };
    image.onerror = () => {
      image.hidden = true;
      name.textContent = `${file.name} · ${size(file.bytes)}`;
    };
    image.hidden = false;
    image.alt = `Preview of ${file.name}`;
    image.src = `data:${file.type};base64,${file.base64}`;
  };
  return { drop: h("label", { class: "drop", for: controlId }, [image, h("span", {}, text)]), preview };
}

function listen(drop, take) {
  const over = (event) => {
    event.preventDefault();
    drop.classList.add("over");
  };
  drop.addEventListener("dragenter", over);
  drop.addEventListener("dragover", over);
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
}

function example(text) {
  const base64 = text.replace(/^data:[^,]*,/, "");
  const found = Object.keys(BEGINNINGS).find((beginning) => base64.startsWith(beginning));
  const type = BEGINNINGS[found] ?? "image/png";
  return { name: `example.${type.slice(6)}`, type, base64, bytes: Math.floor((base64.length * 3) / 4) };
}

function dataUrl(chosen) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(chosen);
  });
}

function size(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : bytes < 2 ** 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
