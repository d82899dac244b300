"""Starts the node's programs inside its network and waits for them, with their logs at hand when they fail."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from testcluster.errors import tail
from testcluster.native.errors import NodeError
from testcluster.native.layout import Layout, in_namespace

LAST_LINES = 12
ITS_LOG = "the logs say why; the whole of them is kept beside the run folder (see the lines above)"


class Daemons:
    """The running programs of one `up`. They outlive this process: each is the leader of a session of its own."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: list[str | Path], **env: str) -> None:
        """Start one program in the node's network; stdout and stderr go to its log."""
        with (self._layout.logs / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                in_namespace([str(part) for part in command]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._layout.root,
                env=os.environ | {"GPUX_NODE": str(self._layout.root), **env},
                start_new_session=True,
            )

    def forget(self) -> None:
        """Collect the exit codes of what was killed, so that no zombie stays for as long as this process lives."""
        for process in self._running.values():
            process.wait()
        self._running.clear()

    def wait(self, what: str, ready: Callable[[], bool], seconds: float, interval: float = 0.1) -> None:
        """Poll until `ready`; fail at once when a program has died, with the last lines of its log."""
        deadline = time.monotonic() + seconds
        while not ready():
            for name, process in self._running.items():
                if (code := process.poll()) is not None:
                    raise NodeError(f"{name} exited with {code} while waiting for {what}", ITS_LOG, self._tail(name))
            if time.monotonic() > deadline:
                tails = "\n".join(f"{name}:\n{self._tail(name, 4)}" for name in self._running)
                raise NodeError(f"waited {seconds:.0f} s for {what}", ITS_LOG, tails)
            time.sleep(interval)

    def _tail(self, name: str, lines: int = LAST_LINES) -> str:
        return tail(self._layout.logs / f"{name}.log", lines)
