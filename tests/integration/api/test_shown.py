"""Every manifest that the documentation shows or the examples hold is accepted by a real API server, strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from docblocks import ROOT, blocks, manifests, pages

if TYPE_CHECKING:
    from testcluster.api import Api

ABSENT = {"HTTPRoute"}
"""Kinds whose CRD comes in no package: the Gateway API's."""
BLOCKS = [block for page in pages() for block in blocks(page) if block.language == "yaml"]
FILES = sorted((ROOT / "examples").glob("*/*.yaml"))
SHOWN = [(str(block), document) for block in BLOCKS for document in manifests(block)]
SHOWN += [(str(file.relative_to(ROOT)), item) for file in FILES for item in yaml.safe_load_all(file.read_text())]


@pytest.mark.parametrize(("where", "document"), SHOWN, ids=[f"{where} {item['kind']}" for where, item in SHOWN])
def test_it_is_accepted(where: str, document: dict[str, Any], admin: Api, namespace: str) -> None:
    if document["kind"] in ABSENT:
        assert where == "examples/canary/route.yaml", "tests/unit/examples holds what this route leads to, and no other"
        return
    path = admin.path(document["apiVersion"], document["kind"], namespace)
    admin.request("POST", path, document, params={"dryRun": "All", "fieldValidation": "Strict"})
