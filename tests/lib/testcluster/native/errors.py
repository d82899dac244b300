"""What the node says when it can't, and while it works."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from testcluster.errors import ClusterError


class NodeError(ClusterError):
    """The node cannot do what was asked."""


def progress(message: str) -> None:
    """One line on stderr: every step that can take longer than a second says what it is."""
    print(f"node: {message}", file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], remedy: str, folder: Path | None = None) -> str:
    """Run a command of the machine and return what it prints; a failure is an error with what it said."""
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        line = " ".join(str(part) for part in command)
        raise NodeError(f"`{line[:300]}` failed", remedy, done.stderr.strip()[-800:])
    return done.stdout
