"""docs/reference.md is what `make crds` writes, and has every field."""

from pathlib import Path

from gpux_api.crdgen.reference import reference
from gpux_api.fields import paths
from gpux_api.v1alpha1 import GpuxModelSpec

PAGE = (Path(__file__).parents[3] / "docs" / "reference.md").read_text()


def test_it_is_current() -> None:
    assert reference() == PAGE


def test_every_field_has_its_row_in_its_section() -> None:
    sections = {part.split("`")[0].replace("[]", ""): part for part in PAGE.split("\n## `")[1:]}
    missing = [path for path in paths(GpuxModelSpec) if f"`{path[-1]}`" not in sections[".".join(("spec", *path[:-1]))]]
    assert missing == []
