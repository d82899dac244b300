// A curl line for an operation, for a POSIX shell.

import { written } from "./docs-document.js";
import { jsonArgument, quoted } from "./snippets.js";

/** {text, variables}: the line, and the variables of the shell that it reads.

`media` is [type, {schema, example}] of a body, null without one. */
export function curl(base, operation, media) {
  const variables = [];
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => {
    variables.push(name.toUpperCase());
    return `$${name.toUpperCase()}`;
  });
  const query = operation.parameters.filter((item) => item.in === "query" && item.required).map((item) => {
    variables.push(item.name.toUpperCase());
    return `${item.name}=$${item.name.toUpperCase()}`;
  });
  const url = `${base.replace(/\/$/, "")}${path}${query.length ? `?${query.join("&")}` : ""}`;
  const method = operation.method === (media ? "post" : "get") ? "" : `-X ${operation.method.toUpperCase()} `;
  const key = operation.keyed ? `-H "X-API-Key: $API_KEY" ` : "";
  if (operation.keyed) variables.push("API_KEY");
  const call = `curl -sS ${method}${key}"${url}"`;
  return { text: media ? `${call} \\\n  ${body(...media)}` : call, variables };
}

function body(type, { schema, example }) {
  if (type === "multipart/form-data") return Object.keys(schema?.properties ?? {}).map((name) => `-F ${quoted(`${name}=@FILE`)}`).join(" \\\n  ");
  if (example !== undefined && type === "application/json") return jsonArgument(written(example));
  return `-H ${quoted(`Content-Type: ${type}`)} \\\n  --data-binary @FILE`;
}
