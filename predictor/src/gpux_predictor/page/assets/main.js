// The page: waits for the model, then puts form, answer, programs and facts together.

import { about } from "./about.js";
import { pause, post } from "./api.js";
import { codePanel } from "./code-panel.js";
import { Invalid } from "./field.js";
import { requestForm } from "./form.js";
import { head } from "./head.js";
import { askForKey } from "./key.js";
import { resultPanel } from "./result.js";
import { tabs } from "./tabs.js";
import { cancel, runTask, why } from "./task.js";
import { asked, ready, show } from "./waiting.js";

const place = (id) => document.getElementById(id);

async function start() {
  await ready(place("waiting"));
  const { json: info } = await asked("info", place("waiting"), place("key"));
  if (!info.loaded) {
    show(place("waiting"), { reason: "Loading", detail: "The server that answered has not loaded the model yet" });
    await pause(null, 3);
    start();
    return;
  }
  const { json: form } = await asked("page/form.json", place("waiting"), place("key")); // after it: a client may have one token
  head(info);
  build(form);
  place("about-model").replaceChildren(...about(info));
  place("model").hidden = false;
}

function build(form) {
  const code = codePanel();
  const programs = () => code.update(request_, asTask());
  const result = resultPanel();
  const asTask = () => place("as-task").checked;
  const request = requestForm(form, programs);
  const request_ = () => request.body();
  const fields = place("fields");
  fields.append(request.element);
  place("kinds").replaceChildren(tabs("Form of the request", ["Form", "JSON"], fields, (name) => request.setRaw(name === "JSON")));
  place("answer").append(result.element);
  place("code").append(code.element);
  place("task-choice").hidden = !form.tasks;
  place("as-task").addEventListener("change", programs);
  programs();
  result.empty();
  const run = runner(request, result, form.outputs, asTask, programs);
  place("request").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  place("request").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  });
}

/** What the button does: one request at a time, with a way to end it. */
function runner(request, result, outputs, asTask, programs) {
  let stop = null;
  place("cancel").addEventListener("click", () => stop?.());

  function busy(now) {
    place("run").setAttribute("aria-disabled", String(now));
    place("cancel").hidden = !now;
  }

  return async function run() {
    if (stop) return;
    request.clear();
    const abort = new AbortController();
    try {
      const { json } = request.body();
      stop = () => abort.abort();
      busy(true);
      result.running("Running …");
      const tell = (task) => {
        stop = () => cancel(task.id);
        result.running(`Task ${task.id.slice(0, 8)} … is ${task.state}${task.position > 1 ? `, ${task.position - 1} before it` : ""}`);
      };
      const found = await (asTask() ? runTask(json, tell, abort.signal) : post("predict", json, abort.signal));
      if (found.ok) result.answered(found, outputs);
      else refused(request, result, found);
      if (found.status === 401) askForKey(place("key"), why(found.text)).then(programs).then(() => place("run").focus());
    } catch (error) {
      broke(request, result, error);
    } finally {
      stop = null;
      if (document.activeElement === place("cancel")) place("run").focus();
      busy(false);
    }
  };
}

function refused(request, result, found) {
  const message = why(found.text);
  const later = found.retryAfter ? ` (try again in ${found.retryAfter} s)` : "";
  const title = found.id ? "The task failed" : `The server refused the request: ${found.status}${later}`;
  result.failed(message, title);
  if (found.status === 400 || found.status === 415 || found.id) request.blame(message);
}

function broke(request, result, error) {
  if (error instanceof Invalid) {
    result.failed(error.message, "The request is not complete");
    request.blame(error.message, error.name_);
  } else if (error.name === "AbortError") {
    result.stopped();
  } else {
    result.failed(`${error.message}. Is it still running?`, "The server did not answer");
  }
}


start();
