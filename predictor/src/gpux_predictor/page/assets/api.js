// The model's HTTP API. Addresses are relative to the page, so that a prefix before it is kept.

import { keyHeaders } from "./key.js";

/** The absolute address of a call. */
export function address(path) {
  return new URL(path, document.baseURI).href;
}

/** {ready}, or {reason, detail, model} of a model that is not; a server that does not answer is one of those. */
export async function health() {
  try {
    const answer = await fetch(address("health"), { cache: "no-store" });
    const found = await answer.json();
    return answer.ok ? { ready: true } : { ready: false, reason: found.reason, detail: found.detail, model: found.model };
  } catch {
    return { ready: false, reason: "NoAnswer", detail: "the server does not answer" };
  }
}

/** A GET: {status, json, text, retryAfter}, with `json` null where it was refused. */
export async function get(path) {
  const answer = await fetch(address(path), { headers: keyHeaders() });
  const text = await answer.text();
  return { status: answer.status, json: answer.ok ? JSON.parse(text) : null, text, retryAfter: answer.headers.get("Retry-After") };
}

/** Sends JSON text to /predict or /predict/async: {ok, status, text, timing, milliseconds, position, retryAfter}. */
export async function post(path, body, signal) {
  const began = performance.now();
  const headers = { "Content-Type": "application/json", ...keyHeaders() };
  const answer = await fetch(address(path), { method: "POST", headers, body, signal });
  const text = await answer.text();
  return {
    ok: answer.ok,
    status: answer.status,
    text,
    milliseconds: performance.now() - began,
    timing: answer.headers.get("Server-Timing"),
    position: answer.headers.get("Queue-Position"),
    retryAfter: answer.headers.get("Retry-After"),
  };
}

/** The state of a task, once it has ended or after so many seconds: {ok, status, text, retryAfter}. */
export async function taskStatus(id, seconds, signal) {
  return said(await fetch(address(`monitoring/task_status/${id}?wait=${seconds}`), { headers: keyHeaders(), signal }));
}

/** Ends a task that has not ended: {ok, status, text, retryAfter}. */
export async function cancelTask(id) {
  return said(await fetch(address(`monitoring/task_status/${id}`), { method: "DELETE", headers: keyHeaders() }));
}

async function said(answer) {
  return { ok: answer.ok, status: answer.status, text: await answer.text(), retryAfter: answer.headers.get("Retry-After") };
}

/** Waits as long as an answer's `Retry-After` says, or so many seconds if it says nothing. */
export function pause(retryAfter, seconds) {
  return new Promise((resolve) => {
    setTimeout(resolve, (Number(retryAfter) || seconds) * 1000);
  });
}

/** The `detail` of an error's body, or its text. */
export function detail(text) {
  try {
    return JSON.parse(text).detail ?? text;
  } catch {
    return text;
  }
}
