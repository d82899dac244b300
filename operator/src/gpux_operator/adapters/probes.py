"""/healthz and /readyz for the kubelet, on a port of their own."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Check = Callable[[], str | None]
"""None if all is well, else what isn't."""


def serve(port: int, live: Check, ready: Check) -> ThreadingHTTPServer:
    """Answer 200, or 503 with the reason, in a thread of its own."""
    checks = {"/healthz": live, "/readyz": ready}

    class Handler(BaseHTTPRequestHandler):
        """Two paths."""

        def do_GET(self) -> None:
            """Answer a probe."""
            check = checks.get(self.path)
            problem = "no such path: try /healthz or /readyz" if check is None else check()
            body = (problem or "ok").encode() + b"\n"
            self.send_response(404 if check is None else 503 if problem else 200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes are not logged."""

    server = ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return server
