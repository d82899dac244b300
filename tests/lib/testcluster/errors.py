"""One kind of error for the whole package: what went wrong, where, and what to do about it."""

from pathlib import Path
from typing import Self

TAIL_LINES = 25


class ClusterError(Exception):
    """The test cluster cannot do what was asked; the message says what to do next."""

    def __init__(self, what: str, remedy: str, details: str = "") -> None:
        super().__init__("\n".join(part for part in (what, details, f"What to do: {remedy}") if part))

    @classmethod
    def with_log(cls, what: str, remedy: str, log: Path) -> Self:
        """The error together with the end of the log that explains it."""
        return cls(what, remedy, f"The end of {log}:\n{tail(log)}")


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, indented; says so where there is none."""
    if not log.exists():
        return "  (no such file)"
    content = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"  {line}" for line in content) or "  (empty)"
