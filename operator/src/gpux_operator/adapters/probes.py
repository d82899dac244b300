"""/healthz and /readyz for the kubelet, on a port of their own."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[bool, str]
"""Whether all is well, and a line about it."""

Check = Callable[[], Answer]


def serve(port: int, live: Check, ready: Check) -> ThreadingHTTPServer:
    """Answer 200 or 503, with the line, in a thread of its own."""
    checks = {"/healthz": live, "/readyz": ready}

    class Handler(BaseHTTPRequestHandler):
        """Two paths."""

        def do_GET(self) -> None:
            """Answer a probe."""
            check = checks.get(self.path)
            well, line = (False, "no such path: try /healthz or /readyz") if check is None else check()
            body = line.encode() + b"\n"
            self.send_response(404 if check is None else 200 if well else 503)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Probes are not logged."""

    server = ThreadingHTTPServer(("", port), Handler)
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return server
