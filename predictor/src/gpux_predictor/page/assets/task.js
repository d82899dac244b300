// A task: submitted, polled until it ends, cancelled.

import { cancelTask, detail, post, taskStatus } from "./api.js";

const WAIT_SECONDS = 20;

/** Submits and waits: {ok, text, id, milliseconds}; `tell({state, id, position})` hears of what happens. */
export async function runTask(body, tell, signal) {
  const began = performance.now();
  const submitted = await post("predict/async", body, signal);
  if (!submitted.ok) return submitted;
  const id = JSON.parse(submitted.text).task_id;
  tell({ state: "submitted", id, position: submitted.position });
  for (;;) {
    const polled = await taskStatus(id, WAIT_SECONDS, signal);
    const milliseconds = performance.now() - began;
    if (!polled.ok) return { ok: false, text: polled.text, id, milliseconds };
    const task = JSON.parse(polled.text);
    if (task.status !== "pending") {
      tell({ state: task.status, id });
      const text = task.status === "success" ? resultText(polled.text) : JSON.stringify({ detail: task.error });
      return { ok: task.status === "success", text, id, milliseconds };
    }
    tell({ state: "pending", id });
  }
}

/** Cancels a task; what waits for it hears of its end. */
export const cancel = cancelTask;

/** Why a request or a task failed. */
export const why = detail;

/** The text of `result`, which is the last member; its numbers stay as the server wrote them. */
function resultText(text) {
  const place = text.indexOf('"result":');
  return text.slice(place + '"result":'.length, text.lastIndexOf("}")).trim();
}
