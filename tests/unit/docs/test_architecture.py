"""docs/architecture.md names modules that exist, and leaves none out."""

import pkgutil
import re
from importlib.util import find_spec
from pathlib import Path

import gpux_operator
import gpux_predictor

PAGE = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text()
NAMED = set(re.findall(r"gpux_(?:api|operator|predictor)(?:\.[a-z_]+)*", PAGE))


def test_every_module_named_exists() -> None:
    assert [name for name in NAMED if find_spec(name) is None] == []


def test_every_part_of_both_programs_is_named() -> None:
    parts = {
        f"{package.__name__}.{part.name}"
        for package in (gpux_operator, gpux_predictor)
        for part in pkgutil.iter_modules(package.__path__)
    }
    assert {part for part in parts if not part.endswith("__main__")} - NAMED == set()
