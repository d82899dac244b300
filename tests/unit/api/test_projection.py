"""What of a model reaches its pods."""

from typing import Any

import pytest

from gpux_api.manifests import parse
from gpux_api.projection import cluster_backend, resource_name, serving_manifest
from gpux_api.v1alpha1 import GpuxModel


def model(**spec: Any) -> GpuxModel:
    full = {"model": {"source": {"uri": "s3://bucket/model", "serviceAccountName": "reader"}}, **spec}
    return parse(
        {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m", "uid": "u"}, "spec": full}
    )


@pytest.mark.parametrize(
    ("gpu", "resource", "backend"),
    [
        (None, None, "cpu"),
        ({}, "nvidia.com/gpu", "cuda"),
        ({"count": 0}, None, "cpu"),
        ({"backend": "cpu"}, None, "cpu"),
        ({"backend": "openvino"}, None, "openvino"),
        ({"backend": "tensorrt"}, "nvidia.com/gpu", "tensorrt"),
        ({"backend": "rocm"}, "amd.com/gpu", "rocm"),
        ({"resourceName": "amd.com/gpu"}, "amd.com/gpu", "rocm"),
        ({"partition": "1g.5gb"}, "nvidia.com/mig-1g.5gb", "cuda"),
        ({"count": 0, "memory": "2Gi"}, None, "cpu"),
    ],
)
def test_gpus(gpu: dict[str, Any] | None, resource: str | None, backend: str) -> None:
    made = model(runtime={"gpu": gpu})
    assert resource_name(made) == resource
    assert cluster_backend(made) == backend
    assert serving_manifest(made)["spec"]["runtime"]["gpu"] == {"backend": backend}


def test_the_projection_is_a_model_again_and_its_own_projection() -> None:
    made = model(
        inputs=[{"name": "a", "type": "int64", "shape": [-1]}], runtime={"gpu": {"backend": "tensorrt"}, "threads": 2}
    )
    projected = serving_manifest(made)
    assert serving_manifest(parse(projected)) == projected


EVERYTHING: dict[str, Any] = {
    "inputs": [{"name": "text", "required": True, "maxLength": 100}],
    "outputs": [{"name": "logits", "labels": ["no", "yes"]}],
    "preprocessing": {"text": {"input": "question", "tokenizer": "tokenizer.json", "maxLength": 128}},
    "postprocessing": {"outputs": [{"output": "logits", "activation": "softmax", "topK": 1}]},
    "samples": [{"request": {"question": "a", "b": None}, "response": {"logits": [{"label": "no"}]}, "tolerance": 0.1}],
    "runtime": {
        "timeoutSeconds": 5,
        "threads": 2,
        "batching": {"maxSize": 4, "batchAxis": "first", "maxDelayMilliseconds": 1},
        "queue": {"maxRequests": 9},
        "gpu": {"backend": "cuda", "memory": "2Gi"},
    },
    "serving": {"port": 9000, "protocols": ["v2", "grpc"]},
    "batch": {"output": {"uri": "pvc://results/m"}},
    "async": {
        "enabled": True,
        "store": "embedded",
        "resultTTLSeconds": 60,
        "maxQueued": 9,
        "maxStored": "2Gi",
        "maxAttempts": 2,
        "listed": True,
    },
}


def test_what_the_predictor_acts_on_is_in_it() -> None:
    projected = serving_manifest(model(**EVERYTHING))
    assert projected["spec"] == {"model": {"format": "onnx", "source": {"uri": "s3://bucket/model"}}, **EVERYTHING}
    assert serving_manifest(parse(projected)) == projected


@pytest.mark.parametrize(
    "spec",
    [
        {"serving": {"replicas": {"min": 9}}},
        {"serving": {"nodeSelector": {"a": "b"}, "visibility": "ClusterLocal", "env": [{"name": "A", "value": "b"}]}},
        {"rollout": {"strategy": "Recreate"}},
        {"async": {"enabled": False}},
    ],
)
def test_what_pods_do_not_need_is_left_out(spec: dict[str, Any]) -> None:
    assert serving_manifest(model(**spec)) == serving_manifest(model())


def test_tasks_in_redis_bring_the_namespace_which_tells_models_apart() -> None:
    made = model(
        **{"async": {"store": "redis", "redisUrlSecretRef": {"name": "r"}}, "serving": {"replicas": {"min": 3}}}
    )
    made = made.model_copy(update={"metadata": made.metadata.model_copy(update={"namespace": "prod"})})
    projected = serving_manifest(made)
    assert projected["metadata"] == {"name": "m", "namespace": "prod"}
    assert serving_manifest(parse(projected)) == projected


def test_a_claim_is_the_pods_business() -> None:
    assert serving_manifest(model(**{"async": {"claimName": "c"}})) == serving_manifest(model(**{"async": {}}))


def test_no_identity_of_the_cluster_is_in_it() -> None:
    projected = serving_manifest(model())
    assert projected["metadata"] == {"name": "m"}
    assert projected["spec"]["model"]["source"] == {"uri": "s3://bucket/model"}


def test_tls_is_an_argument_of_the_server_and_not_in_its_manifest() -> None:
    """The rule that it needs ClusterLocal looks at more of the spec than a pod is given."""
    tls = {"secretRef": {"name": "certificate"}}
    keys = {"secretRef": {"name": "callers"}}
    local = {"visibility": "ClusterLocal"}
    assert "access" not in serving_manifest(model(access={"tls": tls}, serving=local))["spec"]
    both = serving_manifest(model(access={"tls": tls, "apiKeys": keys}, serving=local))
    assert both["spec"]["access"] == {"apiKeys": {**keys, "publicDescription": False}}
    assert serving_manifest(parse(both)) == both
