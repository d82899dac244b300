"""A program of ours on a real pseudo-terminal of 80 columns."""

import os
import pty
import re
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path

BIN = Path(sys.executable).parent
COLOURS = re.compile(r"\x1b\[[\d;]*m")


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
