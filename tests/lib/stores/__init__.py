"""Stores of model files on loopback: an HTTPS server with misfortunes, and the parts of the Hugging Face Hub's and Google Cloud
Storage's protocols that their clients use for a download. (S3 needs none of this: moto's server is one.)
"""

import hashlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from testcluster.certs import Authority

COMMIT = "a" * 40
Reply = tuple[int, dict[str, str], bytes]


@dataclass
class Store:
    """A running store.

    Attributes:
        url: its address.
        authority: a PEM file with the certificate authority to trust.
        files: what it holds, by path without the leading slash.
        misfortunes: statuses of the next requests for files, before all goes well again.
        content_type: of the files.
        cut: files are announced whole and end after so many bytes.
        slow: seconds before each 64 KiB of a file.
        requests: method and path with query of each request.
    """

    url: str = ""
    authority: Path = Path()
    files: dict[str, bytes] = field(default_factory=dict)
    misfortunes: list[int] = field(default_factory=list)
    content_type: str = "application/octet-stream"
    cut: int | None = None
    slow: float = 0.0
    requests: list[str] = field(default_factory=list)

    def reply(self, method: str, target: str) -> Reply:
        """The answer to a request."""
        self.requests.append(f"{method} {target}")
        path, query = unquote(urlsplit(target).path.lstrip("/")), parse_qs(urlsplit(target).query)
        if path.startswith("api/models/"):
            return self._hub(path)
        if path.startswith("storage/v1/b/") and path.endswith("/o"):
            return self._listing(query.get("prefix", [""])[0])
        if method == "GET" and self.misfortunes:
            return self.misfortunes.pop(0), {}, b"misfortune"
        name = path.split(f"resolve/{COMMIT}/")[-1].split("/o/")[-1]
        content = self.files.get(name)
        if content is None:
            return 404, {"X-Error-Code": "EntryNotFound"}, b"nothing here"
        etag = hashlib.sha256(content).hexdigest()
        return 200, {"Content-Type": self.content_type, "ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, content

    def _hub(self, path: str) -> Reply:
        """The Hub's model info (huggingface.co/docs/hub/api) and tree; one repository, owner/name."""
        if not path.startswith("api/models/owner/name"):
            return 401, {"X-Error-Code": "RepoNotFound"}, b'{"error": "Repository not found"}'
        if "/tree/" in path:
            tree = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in self.files.items()
            ]
            return 200, {"Content-Type": "application/json"}, json.dumps(tree).encode()
        siblings = [{"rfilename": name, "size": len(content)} for name, content in self.files.items()]
        info = {"id": "owner/name", "sha": COMMIT, "siblings": siblings}
        return 200, {"Content-Type": "application/json"}, json.dumps(info).encode()

    def _listing(self, prefix: str) -> Reply:
        """Objects: list of Google Cloud Storage's JSON API."""
        items = [
            {"name": name, "bucket": "bucket", "size": str(len(content)), "generation": "1"}
            for name, content in self.files.items()
            if name.startswith(prefix)
        ]
        return 200, {"Content-Type": "application/json"}, json.dumps({"items": items}).encode()


def _handler(store: Store) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, *, with_body: bool) -> None:
            status, headers, body = store.reply(self.command, self.path)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self._send(body if store.cut is None else body[: store.cut])
            self.close_connection = store.cut is not None

        def _send(self, body: bytes) -> None:
            try:
                for start in range(0, len(body), 2**16):
                    time.sleep(store.slow)
                    self.wfile.write(body[start : start + 2**16])
            except OSError:
                self.close_connection = True  # the client has gone

    return Handler


@contextmanager
def store(folder: Path, *, tls: bool) -> Iterator[Store]:
    """A store while the block runs; `folder` is for its certificates."""
    made = Store()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(made))
    server.daemon_threads = True
    if tls:
        authority = Authority()
        certificate, key = authority.issue("store", hosts=["127.0.0.1"]).write(folder, "store")
        made.authority, _ = authority.pair.write(folder, "authority")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    made.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
