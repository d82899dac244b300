"""The patch of docs/cluster.md that has KServe's storage initializer admitted where Pod Security is `restricted`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import docblocks
from testcluster import crds, isvc_crd
from testcluster.api import ApiError
from testcluster.serving_pods import inference_service
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.charts.conftest import Helm

    from testcluster.api import Api

Object = dict[str, Any]
KIND = ("serving.kserve.io/v1alpha1", "ClusterStorageContainer")
# as KServe 0.15 to 0.21 install it (config/storagecontainers/default.yaml), but for its image
DEFAULT: Object = {
    "apiVersion": KIND[0],
    "kind": KIND[1],
    "metadata": {"name": "default"},
    "spec": {
        "container": {
            "name": "storage-initializer",
            "image": "storage-initializer:1",
            "resources": {"requests": {"memory": "100Mi", "cpu": "100m"}, "limits": {"memory": "1Gi", "cpu": "1"}},
        },
        "supportedUriFormats": [{"prefix": "s3://"}, {"regex": "https?://(.+)/(.+)"}],
        "workloadType": "initContainer",
    },
}
MODEL: Object = {
    "apiVersion": "gpux.io/v1alpha1",
    "kind": "GpuxModel",
    "metadata": {"name": "m"},
    "spec": {"model": {"source": {"uri": "s3://models/m"}}},
}
OF_KSERVE = ("minReplicas", "maxReplicas", "deploymentStrategy", "timeout")
"""Fields of a predictor that are none of a pod."""


def pod(initializer: Object, folder: Path) -> Object:
    """The pod of a model with KServe's init container, as KServe makes it."""
    (folder / "model.yaml").write_text(yaml.safe_dump(MODEL))
    service = inference_service(folder / "model.yaml", "strict")
    spec = {key: value for key, value in service["spec"]["predictor"].items() if key not in OF_KSERVE}
    init = {**initializer, "args": ["s3://models/m", "/mnt/models"]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "m-"},
        "spec": {**spec, "initContainers": [init]},
    }


@pytest.fixture
def api(bare: Helm) -> Api:
    """With KServe's kind, its default object, and a namespace that enforces the restricted standard."""
    crds.install(bare.api, [isvc_crd.storage_container_crd()])
    bare.api.apply(DEFAULT)
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    bare.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "strict", "labels": restricted}})
    eventually(lambda: bare.api.find("v1", "ServiceAccount", "default", "strict"), SOON, "it has a service account")
    return bare.api


def test_the_initializer_is_refused_before_and_admitted_after(api: Api, tmp_path: Path) -> None:
    with pytest.raises(ApiError, match=r"restricted.*storage-initializer"):
        api.create(pod(DEFAULT["spec"]["container"], tmp_path), "strict")

    block = docblocks.one("docs/cluster.md", "kubectl patch clusterstoragecontainer")
    program, verb, kind, name, how, option, written = shlex.split(block.text)
    assert (program, verb, kind, how, option) == ("kubectl", "patch", KIND[1].lower(), "--type=merge", "-p")
    patched = api.patch(*KIND, name, json.loads(written))
    container = patched["spec"]["container"]
    assert container.items() >= DEFAULT["spec"]["container"].items(), "the rest of it stays"
    assert patched["spec"]["supportedUriFormats"] == DEFAULT["spec"]["supportedUriFormats"]
    api.create(pod(container, tmp_path), "strict")
