"""Submits texts as tasks, listens for the signed callbacks, and asks for what no callback came for.

    WEBHOOK_SECRET=whsec_… python client.py http://localhost:8080 "I love it" "what a waste"

One JSON line for each text, in the order of their ends. Needs the packages httpx and standardwebhooks.
"""

import argparse
import hashlib
import json
import os
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

Task = dict[str, Any]


def receiver(webhook: Webhook, ended: "queue.Queue[Task]", port: int) -> ThreadingHTTPServer:
    """A server that takes callbacks on loopback: 204 for a good signature, 401 for any other."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            try:
                ended.put(webhook.verify(body, dict(self.headers)))  # the bytes as they came, before they are parsed
                status = 204
            except WebhookVerificationError:
                status = 401
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Says nothing: standard output has the answers."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def submit(server: httpx.Client, text: str, callback: str) -> str:
    """Submits a text and returns its task's id. Sent twice, it is still one task: the key is the text's."""
    headers = {"Idempotency-Key": hashlib.sha256(text.encode()).hexdigest()}
    answer = server.post("/predict/async/", params={"callback_url": callback}, json={"text": text}, headers=headers)
    answer.raise_for_status()
    return str(answer.json()["task_id"])


def asked(server: httpx.Client, task_id: str) -> Task:
    """The end of a task, by a long poll: what remains when callbacks cannot reach this machine."""
    while True:
        answer = server.get(f"/monitoring/task_status/{task_id}", params={"wait": 20})
        answer.raise_for_status()
        task: Task = answer.json()
        if task["status"] != "pending":
            return task


def main() -> None:
    """Runs the client."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", help="of the model, http://localhost:8080")
    parser.add_argument("text", nargs="+")
    parser.add_argument("--port", type=int, default=0, help="where callbacks are listened for")
    parser.add_argument(
        "--patience", type=float, default=30, help="seconds without a callback after which tasks are asked for"
    )
    options = parser.parse_args()
    ended: queue.Queue[Task] = queue.Queue()
    listener = receiver(Webhook(os.environ["WEBHOOK_SECRET"]), ended, options.port)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    callback = f"http://127.0.0.1:{listener.server_port}/done"
    with httpx.Client(base_url=options.server, timeout=30) as server:
        texts = {submit(server, text, callback): text for text in options.text}
        while texts:
            try:
                task, told = ended.get(timeout=options.patience), "callback"
            except queue.Empty:
                task, told = asked(server, next(iter(texts))), "poll"
            if text := texts.pop(task["task_id"], None):  # a callback may come twice
                print(
                    json.dumps({"text": text, "told by": told, "status": task["status"], "result": task.get("result")})
                )
    listener.shutdown()


if __name__ == "__main__":
    main()
