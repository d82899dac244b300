"""The help texts of both programs, as docs/cli.md shows them."""

import re

import click
from click.testing import CliRunner

from gpux_operator.__main__ import main as operator
from gpux_predictor.__main__ import main as predictor

PROGRAMS: dict[str, click.Group] = {"gpux-predictor": predictor, "gpux-operator": operator}
_BLOCK = re.compile(r"^(## `(gpux-\w+ [\w-]+)`\n(?:.*\n)*?)```text\n(?:.*\n)*?```$", re.MULTILINE)


def help_of(name: str) -> str:
    """What `gpux-predictor serve --help` prints on a terminal of 100 columns."""
    program, command = name.split()
    done = CliRunner().invoke(PROGRAMS[program], [command, "--help"], prog_name=program, terminal_width=100)
    return done.stdout


def commands() -> list[str]:
    """Every command of both programs."""
    return [f"{program} {name}" for program, group in PROGRAMS.items() for name in group.commands]


def documented(page: str) -> list[str]:
    """The commands that have a section with a help text."""
    return [found[2] for found in _BLOCK.finditer(page)]


def with_help(page: str) -> str:
    """The page with each help text as it is now."""
    return _BLOCK.sub(lambda found: f"{found[1]}```text\n{help_of(found[2])}```", page)
