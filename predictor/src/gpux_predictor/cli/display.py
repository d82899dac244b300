"""What commands print: columns, and on a terminal what goes on meanwhile."""

import os
import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import click

from gpux_predictor.serving.health import Health


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Rows under their headers; columns of numbers to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    numeric = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(headers))]
    widths = [max(len(header), *(len(row[i]) for row in cells)) for i, header in enumerate(headers)]

    def line(row: Sequence[str]) -> str:
        parts = (
            f"{text:>{w}}" if right else f"{text:<{w}}" for text, w, right in zip(row, widths, numeric, strict=True)
        )
        return "  ".join(parts).rstrip()

    return "\n".join([click.style(line(headers), bold=True), *map(line, cells)])


class Status:
    """The state of a model that is being loaded, in one line on a terminal that can erase it; nothing elsewhere."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Self:
        """Begins."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leaves an empty line."""
        self._write("")

    def __call__(self, state: Health) -> None:
        """Shows a state, with the share of a download that is here."""
        self._write(state.detail)

    def _write(self, text: str) -> None:
        if self._on:
            erased = f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}"
            click.echo(erased, nl=False, err=True, color=True)  # else NO_COLOR takes the erasing away, too
