"""Real pseudo-terminals of 80 columns: a program of ours on one, and a shell."""

import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from testcluster.waiting import SOON

BIN = Path(sys.executable).parent
COLOURS = re.compile(r"\x1b\[[\d;]*m")
_LOG_IN = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""A session of its own, which has the terminal: an interactive shell wants one."""


@dataclass(frozen=True)
class Shown:
    """What a command came to.

    Attributes:
        terminal: what the terminal was sent, `\\r` and escapes as they are.
        stdout: what went into the pipe instead, where there was one.
        code: the exit code.
    """

    terminal: str
    stdout: str
    code: int

    @property
    def rests(self) -> list[str]:
        """The lines that are to be seen in the end; what was written over is gone."""
        lines = self.terminal.removesuffix("\r\n").split("\r\n")
        return [line.rpartition("\r")[2].replace("\x1b[K", "") for line in lines]


def typed(keys: str, wanted: str, *shell: str, **environment: str) -> re.Match[str]:
    """What of the regular expression `wanted` a shell shows on a terminal after these keys.

    Raises:
        AssertionError: it never does; with all that it showed.
    """
    terminal, inside = pty.openpty()
    termios.tcsetwinsize(inside, (24, 80))
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", _LOG_IN, *shell], stdin=inside, stdout=inside, stderr=inside, env=environment
    )
    os.close(inside)
    os.write(terminal, keys.encode())
    seen, deadline = "", time.monotonic() + SOON
    while not (found := re.search(wanted, seen)) and (left := deadline - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            seen += os.read(terminal, 4096).decode(errors="replace")
    process.kill()
    process.wait()
    os.close(terminal)
    assert found, seen
    return found


def shown(*command: str | Path, piped: bool = False, **environment: str) -> Shown:
    """Runs `command`, both streams on the terminal, or stdout in a pipe."""
    outside, inside = pty.openpty()
    termios.tcsetwinsize(inside, (24, 80))
    base = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm-256color"}
    out = subprocess.PIPE if piped else inside
    with subprocess.Popen(
        [BIN / command[0], *command[1:]], stdout=out, stderr=inside, env=base | environment
    ) as process:
        os.close(inside)
        terminal = b""
        try:
            while part := os.read(outside, 4096):
                terminal += part
        except OSError:  # Linux says so when the last writer has gone
            pass
        stdout = process.stdout.read() if process.stdout else b""
    os.close(outside)
    return Shown(terminal.decode(), stdout.decode(), process.returncode)
