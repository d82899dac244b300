// Programs that send the current request. Each works as it stands: curl with a POSIX shell, Python 3 and Node 18 with nothing installed.

import { exact, indent as indented, python as literal } from "./json.js";

const WIDTH = 58;
const INLINE = 6000; // characters of a picture that a person still scrolls past; a larger one is read from its file

const indent = (text) => indented(text, WIDTH);
const python = (text) => literal(text, WIDTH);

/** {curl, Python, JavaScript} for a request; of a task they wait for its result, and `keyed` ones send $API_KEY. */
export function snippets(base, request, asTask, keyed = false) {
  const file = besides(request);
  const context = { base: base.replace(/\/$/, ""), request, file, path: asTask ? "/predict/async" : "/predict", asTask, keyed };
  return { curl: curl(context), Python: pythonProgram(context), JavaScript: javascript(context) };
}

/** The part that the programs read from a file of the user's; undefined where they hold everything. */
export function besides(request) {
  return request.parts?.find((part) => part.file && part.json.length > INLINE);
}

function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function curl({ base, path, request, file, asTask, keyed }) {
  const key = keyed ? `-H "X-API-Key: $API_KEY" ` : "";
  const body = file ? request.parts.map(formPart).join(" \\\n  ") : jsonArgument(request.json);
  const call = `curl -sS ${key}${base}${path} \\\n  ${body}`;
  if (!asTask) return call;
  const [first, ...rest] = call.split("\n");
  const heredoc = rest.findIndex((line) => line.endsWith("<<'JSON'"));
  const taken = `sed -n 's/.*"task_id":"\\([^"]*\\)".*/\\1/p'`;
  const submit = heredoc < 0 ? `task=$(${call} | ${taken})` : `task=$(${[first, ...rest].join("\n")}\n)\ntask=$(printf %s "$task" | ${taken})`;
  return `${submit}\ncurl -sS ${key}"${base}/monitoring/task_status/$task?wait=20"`;
}

function jsonArgument(json) {
  const text = indent(json);
  const header = `-H 'Content-Type: application/json'`;
  return text.length < 2000 ? `${header} \\\n  -d ${quoted(text)}` : `${header} \\\n  --data-binary @- <<'JSON'\n${text}\nJSON`;
}

function formPart(part) {
  if (part.file) return `-F ${quoted(`${part.name}=@${JSON.stringify(part.file.name)};type=${part.file.type}`)}`;
  return `--form-string ${quoted(`${part.name}=${part.json}`)}`;
}

function pythonBody({ request, file }) {
  if (!file) return python(request.json);
  const parts = request.parts.map((part) => {
    const value = part === file ? `base64.b64encode(Path(${JSON.stringify(part.file.name)}).read_bytes()).decode()` : python(part.json);
    return `    ${JSON.stringify(part.name)}: ${value},`;
  });
  return `{\n${parts.join("\n")}\n}`;
}

function pythonProgram(context) {
  const { base, path, file, asTask, keyed } = context;
  const imports = `${file ? "import base64\n" : ""}import json\n${keyed ? "import os\n" : ""}${file ? "from pathlib import Path\n" : ""}`;
  const poll = `f"${base}/monitoring/task_status/{task['task_id']}?wait=20"`;
  const answer = asTask
    ? `with urlopen(request) as response:
    task = json.load(response)
with urlopen(${keyed ? `Request(${poll}, headers=key)` : poll}) as response:
    print(json.load(response))`
    : `with urlopen(request) as response:
    print(json.load(response))`;
  return `${imports}from urllib.request import Request, urlopen

${keyed ? `key = {"X-API-Key": os.environ["API_KEY"]}\n` : ""}body = ${pythonBody(context)}
request = Request(
    "${base}${path}",
    data=json.dumps(body).encode(),
    headers={"Content-Type": "application/json"${keyed ? ", **key" : ""}},
)
${answer}`;
}

function javascriptBody({ request, file }) {
  if (!file) return exact(request.json) ? `JSON.stringify(${indent(request.json)})` : JSON.stringify(request.json);
  const parts = request.parts.map((part) => {
    const value = part === file ? `(await readFile(${JSON.stringify(part.file.name)})).toString("base64")` : indent(part.json);
    return `  ${JSON.stringify(part.name)}: ${value},`;
  });
  return `JSON.stringify({\n${parts.join("\n")}\n})`;
}

function javascript(context) {
  const { base, path, file, asTask, keyed } = context;
  const key = keyed ? `const key = { "X-API-Key": process.env.API_KEY };\n` : "";
  const imports = (file ? `import { readFile } from "node:fs/promises";\n\n` : "") + key;
  const end = asTask
    ? `const { task_id } = await response.json();
const task = await fetch(\`${base}/monitoring/task_status/\${task_id}?wait=20\`${keyed ? ", { headers: key }" : ""});
console.log(await task.text());`
    : "console.log(await response.text());";
  return `${imports}const response = await fetch("${base}${path}", {
  method: "POST",
  headers: { "Content-Type": "application/json"${keyed ? ", ...key" : ""} },
  body: ${javascriptBody(context)},
});
${end}`;
}
