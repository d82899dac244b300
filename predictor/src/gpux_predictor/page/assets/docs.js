// The reference of this model's HTTP API, drawn from its own OpenAPI document.

import { health } from "./api.js";
import { filtered } from "./docs-filter.js";
import { operation } from "./docs-operation.js";
import { groups, parsed } from "./docs-document.js";
import { h } from "./dom.js";
import { asked, ready } from "./waiting.js";

const place = (id) => document.getElementById(id);

/** Draws the document; once more when the model is ready if it was not, for until then nothing is known of its tensors. */
async function start() {
  const { ready: before } = await health();
  const answer = await asked("openapi.json", place("waiting"), place("key"));
  build(parsed(answer.text));
  if (before) return;
  await ready(place("waiting"));
  start();
}

function build(found) {
  document.title = `${found.info.title}: HTTP API`;
  place("name").textContent = `${found.info.title}: HTTP API`;
  place("version").textContent = `Version ${found.info.version}`;
  place("about").textContent = found.info.description ?? "";
  const tags = groups(found);
  place("contents").replaceChildren(...tags.map(listed));
  place("operations").replaceChildren(...tags.map((tag) => section(tag, found)));
  place("reference").hidden = false;
  const filter = filtered(place("filter"), place("found"), tags);
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]")) filter.clear();
    target.scrollIntoView();
  };
  window.onhashchange = follow;
  follow();
}

function listed(tag) {
  const links = tag.operations.map((item) => h("li", { "data-operation": item.id }, h("a", { href: `#${item.id}` }, [
    h("span", { class: `method method-${item.method}` }, item.method.toUpperCase()),
    h("span", {}, item.path),
  ])));
  return h("div", { "data-tag": tag.id }, [h("p", { class: "contents-tag" }, h("a", { href: `#${tag.id}` }, tag.name)), h("ul", {}, links)]);
}

function section(tag, found) {
  return h("section", { id: tag.id, "data-tag": tag.id, "aria-labelledby": `${tag.id}-title` }, [
    h("h2", { id: `${tag.id}-title` }, tag.name),
    tag.description ? h("p", { class: "hint" }, tag.description) : null,
    ...tag.operations.map((item) => operation(item, found)),
  ]);
}

start();
