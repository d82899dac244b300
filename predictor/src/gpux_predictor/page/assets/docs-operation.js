// One operation: what it takes, what it answers, and a line that calls it.

import { address } from "./api.js";
import { copyButton } from "./copying.js";
import { curl } from "./docs-curl.js";
import { resolved, written } from "./docs-document.js";
import { namedTable, schemaTable } from "./docs-schema.js";
import { h } from "./dom.js";
import { indent } from "./json.js";

/** The article of an operation. */
export function operation(item, root) {
  const body = resolved(item.requestBody, root);
  return h("article", { id: item.id, class: "card", "data-operation": item.id, "aria-labelledby": `${item.id}-title` }, [
    h("h3", { id: `${item.id}-title` }, h("a", { href: `#${item.id}` }, [
      h("span", { class: `method method-${item.method}` }, item.method.toUpperCase()),
      h("code", {}, item.path),
    ])),
    item.summary ? h("p", {}, item.summary) : null,
    item.description ? h("p", { class: "hint" }, item.description) : null,
    item.keyed ? h("p", { class: "hint" }, "Wants an API key: X-API-Key, or Authorization: Bearer.") : null,
    ...(item.parameters.length ? [h("h4", {}, "Parameters"), parameters(item, root)] : []),
    ...(body ? requests(item, body, root) : [h("h4", {}, "Call"), program(item, null)]),
    h("h4", {}, "Answers"),
    ...Object.entries(item.responses).map(([status, answer]) => response(item, status, resolved(answer, root), root)),
  ]);
}

function parameters(item, root) {
  return namedTable(item.parameters.map((parameter) => ({ ...parameter, place: parameter.in })), root, `Parameters of ${item.operationId}`);
}

function requests(item, body, root) {
  return Object.entries(body.content).flatMap(([type, media]) => [
    h("h4", {}, ["Body ", h("span", { class: "type" }, type)]),
    media.schema ? schemaTable(media.schema, root, `Body of ${item.operationId}, ${type}`) : null,
    program(item, [type, media]),
  ]);
}

function program(item, media) {
  const { text, variables } = curl(address("."), item, media);
  return h("div", { class: "program" }, [
    h("div", { class: "card-head" }, [h("span", { class: "hint" }, "curl"), copyButton(`Copy the curl line of ${item.operationId}${media ? `, ${media[0]}` : ""}`, () => text)]),
    h("pre", {}, h("code", {}, text)),
    variables.length ? h("p", { class: "hint" }, `It reads ${variables.join(" and ")} from the environment.`) : null,
  ]);
}

function response(item, status, answer, root) {
  const headers = Object.entries(answer.headers ?? {}).map(([name, header]) => ({ name, ...resolved(header, root) }));
  const content = Object.entries(answer.content ?? {});
  return h("details", { class: "response", open: status.startsWith("2") }, [
    h("summary", {}, [h("span", { class: status.startsWith("2") ? "status" : "status refused" }, status), answer.description]),
    ...(headers.length ? [h("h5", {}, "Headers"), namedTable(headers, root, `Headers of ${item.operationId}, ${status}`)] : []),
    ...content.flatMap(([type, media]) => [
      h("h5", {}, type),
      media.schema ? schemaTable(media.schema, root, `Answer ${status} of ${item.operationId}, ${type}`) : null,
      ...(media.example === undefined ? [] : [h("p", { class: "hint" }, "For example"), h("pre", {}, h("code", {}, indent(written(media.example))))]),
    ]),
  ]);
}
