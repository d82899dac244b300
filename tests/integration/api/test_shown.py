"""Every manifest that the documentation shows or the examples hold is accepted by a real API server, strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from docblocks import ROOT, blocks, manifests, pages

if TYPE_CHECKING:
    from testcluster.api import Api

BLOCKS = [block for page in pages() for block in blocks(page) if block.language == "yaml"]
FILES = sorted((ROOT / "examples").glob("*/*.yaml"))
SHOWN = [(str(block), document) for block in BLOCKS for document in manifests(block)]
SHOWN += [(str(file.relative_to(ROOT)), item) for file in FILES for item in yaml.safe_load_all(file.read_text())]

pytestmark = pytest.mark.usefixtures("gateway_api")


@pytest.mark.parametrize(
    "document", [document for _, document in SHOWN], ids=[f"{where} {item['kind']}" for where, item in SHOWN]
)
def test_it_is_accepted(document: dict[str, Any], admin: Api, namespace: str) -> None:
    path = admin.path(document["apiVersion"], document["kind"], namespace)
    admin.request("POST", path, document, params={"dryRun": "All", "fieldValidation": "Strict"})
