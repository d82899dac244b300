"""Each claim of docs/security.md names the tests that hold it, and there are such tests."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from gpux_api.manifests import parse

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "security.md").read_text()
ROWS = re.findall(r"^\| (.+?) \| (.+) \|$", PAGE.split("## Claims")[1].split("\n## ")[0], re.MULTILINE)[2:]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def _functions_of(path: Path) -> set[str]:
    found = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in found if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_there_are_claims() -> None:
    assert len(ROWS) > 30
    assert len(NAMED.findall(PAGE)) == PAGE.count("`tests/"), "each is named in full"


@pytest.mark.parametrize(("claim", "holders"), ROWS, ids=[claim[:60] for claim, _ in ROWS])
def test_each_claim_is_held_by_a_test(claim: str, holders: str) -> None:
    named = NAMED.findall(holders)
    assert named, claim
    assert re.sub(NAMED, "", holders).strip(" ,") == ""
    for file, test in named:
        assert (ROOT / file).is_file(), file
        assert test in _functions_of(ROOT / file), f"{file} has no {test}"


@pytest.mark.parametrize("block", re.findall(r"^```yaml\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL))
def test_each_manifest_is_valid(block: str) -> None:
    spec = {"model": {"source": {"uri": "s3://bucket/model"}}, **yaml.safe_load(block)["spec"]}
    manifest = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": spec}
    assert parse(manifest).spec.access is not None
