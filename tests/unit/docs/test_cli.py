"""docs/cli.md shows what --help prints, of every command."""

from pathlib import Path

from clihelp import commands, documented, with_help

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"


def test_every_command_has_its_section() -> None:
    assert documented(PAGE.read_text()) == commands()


def test_the_help_texts_are_those_of_the_programs() -> None:
    """`python -m clihelp docs/cli.md` writes them, with tests/lib on the path."""
    assert with_help(PAGE.read_text()) == PAGE.read_text()
