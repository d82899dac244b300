"""Writes the help texts into a page: `python -m clihelp docs/cli.md`."""

import sys
from pathlib import Path

from clihelp import with_help

for _page in map(Path, sys.argv[1:]):
    _page.write_text(with_help(_page.read_text()))
