"""One download in a process of its own, watched from here.

The storage clients are 80 MB of libraries, change the environment, and for s3 kserve-storage forks workers that it ends by
SIGTERM: a forked worker shares the signal wake-up socket of asyncio, so the server itself would be told to stop.
"""

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gpux_predictor.engine.download_main import GO, MARK
from gpux_predictor.engine.uris import redacted, shown

logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]
"""Bytes that are here, and bytes that there are; None: the store does not say."""
TICK_SECONDS, STALL_SECONDS = 0.25, 300.0
"""How often progress is looked at, and after how long without any a download is given up: the clients' own time-outs, which
are shorter, do not cover a worker of kserve-storage that the kernel killed for its memory."""


class DownloadFailed(Exception):
    """The store's answer, without credentials; transient: another try may succeed."""

    def __init__(self, answer: str, *, transient: bool) -> None:
        super().__init__(answer)
        self.answer = answer
        self.transient = transient


class Download:
    """The process that downloads `uri` into `folder`, as a context: leaving it ends the process, whatever it is doing.

    Args:
        uri: what to download.
        folder: an empty folder.
        progress: called every `TICK_SECONDS` while something is waited for; what it raises is raised there.
    """

    def __init__(self, uri: str, folder: Path, progress: Progress) -> None:
        self._uri, self._folder, self._progress = uri, folder, progress
        self._total: int | None = None
        self._said: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._last_words = ""

    def __enter__(self) -> Self:
        """Starts the process; it says first what there is, and waits for `run`."""
        command = [sys.executable, "-P", "-m", "gpux_predictor.engine.download_main"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command,
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, name="download", daemon=True)
        self._listener.start()
        self._tell(json.dumps({"uri": self._uri, "folder": str(self._folder)}))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the process with its workers."""
        if self._process.poll() is None:
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()
        self._listener.join()
        with suppress(BrokenPipeError), self._process:
            pass  # closes the pipes

    def version(self) -> str | None:
        """What tells this version of the files from others, None if the store does not say.

        Raises:
            DownloadFailed: the process broke.
        """
        found = self._next()
        self._total = found["total"]
        version: str | None = found["version"]
        return version

    def run(self) -> None:
        """Downloads; blocks.

        Raises:
            DownloadFailed: the store refused, or could not be reached.
        """
        self._tell(GO)
        while not self._next().get("done"):
            pass
        size = _size(self._folder)
        self._progress(size, size)

    def _next(self) -> dict[str, Any]:
        said = self._wait()
        if said is None:
            words = f"the download ended with code {self._process.wait()}: {self._last_words}"
            raise DownloadFailed(redacted(words, self._uri), transient=False)
        if "error" in said:
            raise DownloadFailed(redacted(said["error"], self._uri), transient=said["transient"])
        return said

    def _wait(self) -> dict[str, Any] | None:
        size, grown = 0, time.monotonic()
        while True:
            try:
                return self._said.get(timeout=TICK_SECONDS)
            except queue.Empty:
                before, size = size, _size(self._folder)
            if size != before:
                grown = time.monotonic()
            if time.monotonic() - grown > STALL_SECONDS:
                raise DownloadFailed(f"nothing came for {STALL_SECONDS:g} s", transient=True)
            self._progress(size if self._total is None else min(size, self._total), self._total)

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101  (for the type checker: it is a pipe)
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: what it said last is read by _next

    def _listen(self) -> None:
        assert self._process.stdout is not None  # noqa: S101
        for line in self._process.stdout:
            before, mark, message = line.partition(MARK)
            if mark:
                self._said.put(json.loads(message))
            elif before.strip():
                self._last_words = before.strip()
                logger.debug("%s: %s", shown(self._uri), redacted(self._last_words, self._uri))
        self._said.put(None)


def _size(folder: Path) -> int:
    """Bytes in all files below a folder, those still being written included."""
    found = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                found += Path(root, name).stat().st_size
            except OSError:  # renamed or removed meanwhile
                continue
    return found
