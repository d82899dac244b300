// A task: submitted, polled until it ends, cancelled.

import { cancelTask, detail, pause, post, taskStatus } from "./api.js";

const WAIT_SECONDS = 20;
const LATER = [429, 503];

/** Submits and waits: {ok, text, id, milliseconds} of a task that ended, {ok, status, text} of a refusal.
 *  `tell({state, id, position})` hears of what happens. */
export async function runTask(body, tell, signal) {
  const began = performance.now();
  const submitted = await post("predict/async", body, signal);
  if (!submitted.ok) return submitted;
  const id = JSON.parse(submitted.text).task_id;
  tell({ state: "submitted", id, position: submitted.position });
  for (;;) {
    const polled = await patiently(() => taskStatus(id, WAIT_SECONDS, signal));
    if (!polled.ok) return polled;
    const milliseconds = performance.now() - began;
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
export function cancel(id) {
  return patiently(() => cancelTask(id));
}

/** Why a request or a task failed. */
export const why = detail;

/** The first answer that is not to come again later: the task is still there. */
async function patiently(ask) {
  for (;;) {
    const answer = await ask();
    if (!LATER.includes(answer.status)) return answer;
    await pause(answer.retryAfter, 1);
  }
}

/** The text of `result`, which is the last member; its numbers stay as the server wrote them. */
function resultText(text) {
  const place = text.indexOf('"result":');
  return text.slice(place + '"result":'.length, text.lastIndexOf("}")).trim();
}
