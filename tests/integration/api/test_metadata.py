"""What `gpux-operator validate` says of metadata, the API server says too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gpux_operator.validation.metadata import metadata_problems
from testcluster.api import ApiError

if TYPE_CHECKING:
    from testcluster.api import Api

SPEC = {"model": {"source": {"uri": "s3://b/m"}}}


def dry_run(admin: Api, metadata: dict[str, Any]) -> None:
    document = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "m"} | metadata,
        "spec": SPEC,
    }
    path = "/apis/gpux.io/v1alpha1/namespaces/default/gpuxmodels"
    admin.request("POST", path, document, params={"dryRun": "All", "fieldValidation": "Strict"})


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"labels": {"app.kubernetes.io/name": "a", "empty": "", "none": None}},
        {"labels": {"a" * 63: "b" * 63}},
        {"annotations": {"a": "any text at all\n", "example.com/b": "c" * 200_000}},
        {"labels": None, "annotations": {}},
    ],
)
def test_both_accept(admin: Api, metadata: dict[str, Any]) -> None:
    assert not list(metadata_problems(metadata))
    dry_run(admin, metadata)


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"a": 1}},
        {"labels": {"a": True}},
        {"labels": {"a": "b c"}},
        {"labels": {"a": "-b"}},
        {"labels": {"a": "b" * 64}},
        {"labels": {"a" * 64: "b"}},
        {"labels": {"a b": "c"}},
        {"labels": {"/a": "c"}},
        {"labels": {"Example.com/a": "c"}},
        {"labels": ["a"]},
        {"annotations": {"a": 1.5}},
        {"annotations": {"a b": "c"}},
        {"annotations": {"a": "b" * 262_144}},
    ],
)
def test_both_refuse(admin: Api, metadata: dict[str, Any]) -> None:
    assert len(list(metadata_problems(metadata))) == 1
    with pytest.raises(ApiError):
        dry_run(admin, metadata)
