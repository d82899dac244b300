// JSON as text. Numbers are never parsed on their way: a browser would round an int64 and write 1.0 as 1.

const TOKEN = /"(?:[^"\\]|\\.)*"|[[\]{},:]|[^\s[\]{},:"]+/g;
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** A number as it was typed if that is JSON, else as JavaScript writes it; null for what is none. */
export function number(text) {
  const trimmed = text.trim();
  if (NUMBER.test(trimmed)) return trimmed;
  const value = trimmed === "" ? NaN : Number(trimmed);
  return Number.isFinite(value) ? String(value) : null;
}

/** JSON in lines of at most `width` characters, where that can be; arrays of numbers fill their lines. */
export function indent(text, width = 76) {
  return written(tree(text.match(TOKEN) ?? []), width, "");
}

/** The same as a Python literal. */
export function python(text, width = 76) {
  return indent(text.replace(TOKEN, pythonToken), width);
}

/** Whether JavaScript holds every number in it as it is written. */
export function exact(text) {
  return (text.match(TOKEN) ?? []).every((token) => !/^-?\d{16,}$/.test(token) || Number.isSafeInteger(Number(token)));
}

function pythonToken(token) {
  if (token.startsWith('"')) return JSON.stringify(JSON.parse(token));
  return { true: "True", false: "False", null: "None" }[token] ?? token;
}

/** Tokens as texts and {open, items}; an item of an object has its key. */
function tree(tokens) {
  const root = { items: [] };
  const path = [root];
  let key = "";
  tokens.forEach((token, place) => {
    const into = path.at(-1);
    if (token === "]" || token === "}") {
      const done = path.pop();
      done.size = 2 + done.items.reduce((sum, item) => sum + 2 + item.key.length + (item.node.size ?? item.node.length), 0);
    } else if (tokens[place + 1] === ":") {
      key = `${token}: `;
    } else if (token !== "," && token !== ":") {
      const node = token === "[" || token === "{" ? { open: token, close: token === "[" ? "]" : "}", items: [] } : token;
      into.items.push({ key, node });
      key = "";
      if (node.open) path.push(node);
    }
  });
  return root.items[0]?.node ?? "";
}

function written(node, width, margin) {
  if (typeof node === "string") return node;
  if (node.size + margin.length <= width) return node.open + node.items.map(flat).join(", ") + node.close;
  if (node.items.length === 1 && !node.items[0].key) return node.open + written(node.items[0].node, width, margin) + node.close;
  const inner = `${margin}  `;
  if (node.items.every((item) => typeof item.node === "string" && !item.key)) return filled(node, width, margin, inner);
  const lines = node.items.map((item) => inner + item.key + written(item.node, width, inner));
  return `${node.open}\n${lines.join(",\n")}\n${margin}${node.close}`;
}

function flat(item) {
  const { key, node } = item;
  return key + (typeof node === "string" ? node : node.open + node.items.map(flat).join(", ") + node.close);
}

function filled(node, width, margin, inner) {
  const lines = [];
  let line = inner;
  node.items.forEach((item, place) => {
    const text = item.node + (place + 1 < node.items.length ? "," : "");
    if (line.length > inner.length && line.length + text.length + 1 > width) {
      lines.push(line);
      line = inner;
    }
    line += (line.length > inner.length ? " " : "") + text;
  });
  return `${node.open}\n${[...lines, line].join("\n")}\n${margin}${node.close}`;
}
