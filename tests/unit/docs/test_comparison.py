"""docs/comparison.md shows the figures of docs/benchmarks.md, and each of its sources is used."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "comparison.md").read_text()


def table(text: str) -> dict[str, dict[str, str]]:
    """The rows of the first Markdown table in a text, by the first cell, each cell by its column."""
    found = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert found
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in found[0].splitlines()]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


def test_the_figures_are_the_reports() -> None:
    report = table((DOCS / "benchmarks.md").read_text().split("## Requests per second")[1])
    shown = table(PAGE.split("## Measured")[1])
    assert len(shown) > 5
    for server, cells in shown.items():
        assert cells == {column: report[server][column] for column in cells}, server


def test_the_versions_are_those_that_ran() -> None:
    for name, version in re.findall(r"(KServe|MLServer|BentoML|LitServe)\s+(\d+\.\d+\.\d+)", PAGE):
        pins = DOCS.parent / "tests" / "bench" / "peers" / f"{name.lower()}.txt"
        assert f"{name.lower()}=={version} " in pins.read_text()


def test_sources() -> None:
    body, sources = PAGE.split("## Sources")
    assert set(re.findall(r"\[(\d+)\](?!\()", body)) == set(re.findall(r"^(\d+)\. ", sources, re.MULTILINE))
