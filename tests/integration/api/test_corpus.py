"""One schema, two readers: pydantic on laptops and the API server in clusters answer each sample alike.

A file in `crds/samples/invalid` holds one mistake; its first line says what both messages contain: a rule's words, or for
what a schema keyword says the path of the field.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gpux_api.manifests import ManifestError, parse
from testcluster.api import ApiError

if TYPE_CHECKING:
    from testcluster.api import Api

SAMPLES = Path(__file__).parents[3] / "crds" / "samples"
VALID, INVALID = (sorted((SAMPLES / kind).glob("*.yaml")) for kind in ("valid", "invalid"))
EXPECT = "# expect: "


def name(path: Path) -> str:
    return path.stem


def read(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(path.read_text())
    return document


def dry_run(admin: Api, document: dict[str, Any], namespace: str) -> dict[str, Any]:
    path = f"/apis/gpux.io/v1alpha1/namespaces/{namespace}/gpuxmodels"
    return admin.request("POST", path, document, params={"dryRun": "All", "fieldValidation": "Strict"})


def test_there_is_a_corpus() -> None:
    assert len(VALID) >= 15
    assert len(INVALID) >= 50


@pytest.mark.parametrize("path", VALID, ids=name)
def test_valid(path: Path, admin: Api) -> None:
    parse(read(path), str(path))
    stored = dry_run(admin, read(path), "default")
    parse(stored, "what the API server stores, with its defaults")


@pytest.mark.parametrize("path", VALID, ids=name)
def test_both_fill_in_the_same_defaults(path: Path, admin: Api) -> None:
    stored = dry_run(admin, read(path), "default")
    ours = parse(read(path)).spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    theirs = parse(stored).spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert ours == theirs


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_invalid(path: Path, admin: Api) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith(EXPECT)
    words = first.removeprefix(EXPECT)
    with pytest.raises(ManifestError) as ours:
        parse(read(path), path.name)
    with pytest.raises(ApiError) as theirs:
        dry_run(admin, read(path), "default")
    assert words in str(ours.value)
    assert words in theirs.value.message
    assert len(str(ours.value).splitlines()) == 1, "one mistake, one line"
