"""What the operator would write, against golden files.

`GPUX_UPDATE_GOLDEN=1 pytest tests/unit/operator/test_build.py` writes them anew; read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gpux_api.manifests import parse
from gpux_operator.build.checks import spec_problems
from gpux_operator.build.metadata import digest
from gpux_operator.build.resources import canonical
from gpux_operator.build.text import yaml_text
from gpux_operator.engine.desired import Desired, desired_children
from gpux_operator.status.reasons import Reason

if TYPE_CHECKING:
    from gpux_operator.build.inference_service import Images

Manifest = dict[str, Any]
GOLDEN = Path(__file__).parent / "golden"
INPUTS = sorted(GOLDEN.glob("*.in.yaml"))


def build(spec: Manifest, images: Images, name: str = "m", namespace: str = "ns") -> Desired:
    document = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": name, "uid": "some-uid"},
        "spec": spec,
    }
    return desired_children(parse(document), namespace, images)


def spec(**parts: Manifest) -> Manifest:
    return {"model": {"source": {"uri": "s3://bucket/model"}}, **parts}


def predictor(desired: Desired) -> Manifest:
    found: Manifest = desired.inference_service["spec"]["predictor"]
    return found


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name.removesuffix(".in.yaml"))
def test_golden(path: Path, images: Images) -> None:
    model = parse(yaml.safe_load(path.read_text()))
    desired = desired_children(model, model.metadata.namespace or "default", images)
    text = yaml_text(*desired.manifests())
    golden = path.with_name(path.name.replace(".in.", ".out."))
    if os.environ.get("GPUX_UPDATE_GOLDEN"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_there_are_golden_files() -> None:
    assert len(INPUTS) >= 5


ROLLS = [
    {"model": {"source": {"uri": "s3://bucket/other"}}},
    {"model": {"source": {"uri": "s3://bucket/model"}, "version": "2"}},
    {"model": {"source": {"uri": "s3://bucket/model", "serviceAccountName": "reader"}}},
    spec(serving={"image": "mine"}),
    spec(serving={"env": [{"name": "A", "value": "b"}]}),
    spec(serving={"nodeSelector": {"zone": "a"}}),
    spec(serving={"visibility": "ClusterLocal"}),
    spec(serving={"port": 9000}),
    spec(serving={"resources": {"limits": {"cpu": 2}}}),
    spec(runtime={"gpu": {}}),
    spec(runtime={"timeoutSeconds": 31}),
    spec(runtime={"batching": {"maxSize": 1}}),
    spec(runtime={"queue": {"maxRequests": 1}}),
    spec(serving={"protocols": ["v2"]}),
    spec(access={"apiKeys": {"secretRef": {"name": "callers"}}}),
    spec(access={"cors": {"allowedOrigins": ["*"]}}),
    {**spec(), "samples": [{"request": {"x": 1}, "response": {"y": 1}}]},
]


@pytest.mark.parametrize("changed", ROLLS, ids=range(len(ROLLS)))
def test_what_pods_see_changes_their_hash(changed: Manifest, images: Images) -> None:
    assert build(changed, images).intent.pod_hash != build(spec(), images).intent.pod_hash


@pytest.mark.parametrize("serving", [{"replicas": {"min": 5}}, {"resources": {"limits": {"memory": "2048Mi"}}}])
def test_what_pods_do_not_see_does_not(serving: Manifest, images: Images) -> None:
    assert build(spec(serving=serving), images).intent.pod_hash == build(spec(), images).intent.pod_hash


def test_a_strategy_rolls_no_pod(images: Images) -> None:
    changed = build(spec(rollout={"strategy": "Recreate"}), images)
    assert changed.intent.pod_hash == build(spec(), images).intent.pod_hash
    assert predictor(changed)["deploymentStrategy"] == {"type": "Recreate"}


def test_grpc_is_the_second_port(images: Images) -> None:
    """KServe's Service leads its port 80 to the first one."""

    def ports(serving: Manifest, **more: Manifest) -> list[tuple[str, int]]:
        container = predictor(build(spec(serving=serving, **more), images))["containers"][0]
        return [(port["name"], port["containerPort"]) for port in container["ports"]]

    assert ports({"protocols": ["grpc"], "port": 9000}) == [("http1", 9000), ("h2c", 8081)]
    assert ports({"protocols": ["v1", "v2"]}) == ports({}) == [("http1", 8080)]
    tls = {"tls": {"secretRef": {"name": "certificate"}}}
    named = ports({"protocols": ["grpc"], "visibility": "ClusterLocal"}, access=tls)
    assert named == [("https", 8080), ("tls-rpc", 8081)]
    assert not any(word in name for name, _ in named for word in ("grpc", "h2c")), "KServe takes these for cleartext"


SURGE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
IN_PLACE = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}


@pytest.mark.parametrize(
    ("runtime", "rollout", "strategy"),
    [
        ({}, {}, SURGE),
        ({"gpu": {"backend": "openvino"}}, {}, SURGE),
        ({"gpu": {}}, {}, IN_PLACE),
        ({"gpu": {"partition": "1g.5gb"}}, {}, IN_PLACE),
        ({"gpu": {}}, {"strategy": "RollingUpdate"}, SURGE),
        ({"gpu": {}}, {"strategy": "Recreate"}, {"type": "Recreate"}),
    ],
)
def test_the_rollout_needs_no_spare_gpu(
    runtime: Manifest, rollout: Manifest, strategy: Manifest, images: Images
) -> None:
    assert predictor(build(spec(runtime=runtime, rollout=rollout), images))["deploymentStrategy"] == strategy


@pytest.mark.parametrize(
    ("gpu", "resource", "count", "taint"),
    [
        ({}, "nvidia.com/gpu", "1", "nvidia.com/gpu"),
        ({"count": 4, "backend": "tensorrt"}, "nvidia.com/gpu", "4", "nvidia.com/gpu"),
        ({"partition": "1g.5gb", "count": 2}, "nvidia.com/mig-1g.5gb", "2", "nvidia.com/gpu"),
        ({"backend": "rocm"}, "amd.com/gpu", "1", "amd.com/gpu"),
        ({"resourceName": "example.com/npu"}, "example.com/npu", "1", "example.com/npu"),
    ],
)
def test_gpus(gpu: Manifest, resource: str, count: str, taint: str, images: Images) -> None:
    found = predictor(build(spec(runtime={"gpu": gpu}), images))
    container = found["containers"][0]
    assert container["resources"]["limits"][resource] == count
    assert container["image"] == "gpux-predictor:test-gpu"
    assert found["tolerations"] == [{"key": taint, "operator": "Exists", "effect": "NoSchedule"}]


def test_a_toleration_that_is_there_is_not_repeated(images: Images) -> None:
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    assert predictor(build(spec(runtime={"gpu": {}}, serving={"tolerations": [toleration]}), images))[
        "tolerations"
    ] == [toleration]


@pytest.mark.parametrize(
    ("resources", "requests", "limits"),
    [
        (None, {"cpu": "1", "memory": "2Gi"}, {"cpu": "1", "memory": "2Gi"}),
        ({"requests": {"cpu": "4"}}, {"cpu": "4", "memory": "2Gi"}, {"cpu": "4", "memory": "2Gi"}),
        (
            {"limits": {"cpu": "500m", "memory": "1Gi"}},
            {"cpu": "500m", "memory": "1Gi"},
            {"cpu": "500m", "memory": "1Gi"},
        ),
        ({"requests": {"cpu": 1}, "limits": {"cpu": 2}}, {"cpu": "1", "memory": "2Gi"}, {"cpu": "2", "memory": "2Gi"}),
        ({"requests": {"cpu": 0}}, {"cpu": "0", "memory": "2Gi"}, {"cpu": "0", "memory": "2Gi"}),
        (
            {"limits": {"ephemeral-storage": "10Gi"}},
            {"cpu": "1", "memory": "2Gi"},
            {"cpu": "1", "ephemeral-storage": "10Gi", "memory": "2Gi"},
        ),
    ],
)
def test_all_four_values_are_set_and_fit(
    resources: Manifest | None, requests: Manifest, limits: Manifest, images: Images
) -> None:
    serving = {} if resources is None else {"resources": resources}
    assert predictor(build(spec(serving=serving), images))["containers"][0]["resources"] == {
        "requests": requests,
        "limits": limits,
    }


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("1024Mi", "1Gi"), ("0.5Gi", "512Mi"), ("1.5Gi", "1536Mi"), ("1023Ki", "1023Ki"), ("512", "512"), ("0.5", "500m"),
        ("1000m", "1"), ("1500m", "1500m"), (2, "2"), ("2.0", "2"), ("100M", "100M"), ("1000M", "1G"),
        ("1e3", "1k"), ("2E", "2E"), ("0", "0"), ("0Gi", "0"), ("1n", "1n"), ("0.1n", "1n"),
        ("0.25Ki", "256"), ("+5", "5"),
    ],
)  # fmt: skip
def test_quantities_are_written_as_go_writes_them(written: str | int, stored: str) -> None:
    assert canonical(written) == stored
    assert canonical(stored) == stored


def test_the_user_s_environment_wins_and_names_are_unique(images: Images) -> None:
    secret = {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    env = [{"name": "ORT_DISABLE_TELEMETRY", "value": "0"}, {"name": "EMPTY", "value": ""}, secret]
    found = predictor(build(spec(serving={"env": env}), images))["containers"][0]["env"]
    assert found == [
        {"name": "STORAGE_URI", "value": "s3://bucket/model"},
        {"name": "ORT_DISABLE_TELEMETRY", "value": "0"},
        {"name": "EMPTY"},  # as Go's omitempty leaves it: KServe's webhook would drop an empty value
        {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
    ]


def term(**selector: Any) -> Manifest:
    terms = [{"labelSelector": selector, "topologyKey": "zone"}]
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def test_an_empty_value_of_a_label_still_selects(images: Images) -> None:
    """Go's omitempty drops empty fields of structs, and no entry of a map: without it every pod would be selected."""
    affinity = term(matchLabels={"a": ""}, matchExpressions=[{"key": "b", "operator": "In", "values": [""]}])
    assert predictor(build(spec(serving={"affinity": affinity}), images))["affinity"] == affinity


def test_what_go_drops_of_an_affinity_is_dropped(images: Images) -> None:
    affinity = term(matchLabels={}, matchExpressions=[{"key": "b", "operator": "Exists", "values": []}])
    found = predictor(build(spec(serving={"affinity": affinity}), images))["affinity"]
    assert found == term(matchExpressions=[{"key": "b", "operator": "Exists"}])


def test_the_grace_and_the_gateway_outlast_a_request(images: Images) -> None:
    found = predictor(build(spec(runtime={"timeoutSeconds": 600}), images))
    assert found["terminationGracePeriodSeconds"] >= 600 + 5
    assert found["timeout"] > 600


def test_names_fit(images: Images) -> None:
    desired = build(spec(), images, name="m" * 48)
    assert len(desired.config_map["metadata"]["name"]) <= 63
    assert len(desired.inference_service["metadata"]["labels"]["gpux.io/model"]) <= 63


def test_nothing_in_labels_or_annotations_changes_by_itself(images: Images) -> None:
    one, other = build(spec(), images), build(spec(), images)
    assert one == other
    assert digest({"b": 1, "a": [2]}, 8) == digest({"a": [2], "b": 1}, 8)


def samples(numbers: int) -> Manifest:
    return {**spec(), "samples": [{"request": {"x": "0" * numbers}, "response": {"y": 1}}]}


IN_AN_IMAGE: Manifest = {
    "model": {"source": {"uri": "file:///models/my model", "path": "m.onnx"}},
    "serving": {"image": "registry/m:1"},
}


def test_a_model_in_the_image_is_not_brought(images: Images) -> None:
    desired = build({**IN_AN_IMAGE, **batch()}, images)
    [container] = predictor(desired)["containers"]
    [run] = job(desired)["containers"]
    assert run["image"] == container["image"]
    assert "--model-dir" not in run["args"]
    assert container["image"] == "registry/m:1"
    assert "--model-dir" not in container["args"]
    assert "STORAGE_URI" not in {variable["name"] for variable in container["env"]}
    [container] = predictor(build(spec(serving=IN_AN_IMAGE["serving"]), images))["containers"]
    assert "--model-dir" in container["args"]
    assert "STORAGE_URI" in {variable["name"] for variable in container["env"]}


CHECKS = [
    (samples(2**20 - 1000), "m", "ns", None, ""),
    (samples(2**20), "m", "ns", Reason.SPEC_TOO_LARGE, "make spec.samples smaller"),
    (spec(), "m", "ns", None, ""),
    (spec(), "m" * 40, "n" * 13, Reason.NAME_TOO_LONG, "at most 39 characters"),
    (spec(), "m" * 40, "n" * 12, None, ""),
    ({"model": {"source": {"uri": "file:///models/m.onnx"}}}, "m", "ns", Reason.FILE_SOURCE_IN_CLUSTER, "pvc://"),
    (IN_AN_IMAGE, "m", "ns", None, ""),
    (
        {**IN_AN_IMAGE, "model": {"source": {"uri": "file://m.onnx"}}},
        "m",
        "ns",
        Reason.FILE_SOURCE_IN_CLUSTER,
        "write file:///…, not file://m.onnx",
    ),
    (
        {"model": {"source": {"uri": "pvc://claim/a/m.onnx"}}},
        "m",
        "ns",
        Reason.CLAIM_PATH_IS_FILE,
        "uri: pvc://claim/a and path: m.onnx",
    ),
    (spec(runtime={"gpu": {"backend": "directml"}}), "m", "ns", Reason.BACKEND_NOT_IN_CLUSTER, "directml"),
    (spec(runtime={"gpu": {"backend": "coreml"}}), "m", "ns", Reason.BACKEND_NOT_IN_CLUSTER, "coreml"),
    (spec(runtime={"gpu": {"backend": "cuda", "count": 0}}), "m", "ns", Reason.NO_GPU_REQUESTED, "remove count"),
    (spec(runtime={"gpu": {"count": 0}}), "m", "ns", None, ""),
    (spec(serving={"resources": {"limits": {"cpu": "-1"}}}), "m", "ns", Reason.INVALID_RESOURCES, "negative"),
    (
        spec(serving={"resources": {"limits": {"nvidia.com/gpu": 1}}}),
        "m",
        "ns",
        Reason.INVALID_RESOURCES,
        "spec.runtime.gpu",
    ),
    (
        spec(serving={"resources": {"requests": {"ephemeral-storage": "2Gi"}, "limits": {"ephemeral-storage": "1Gi"}}}),
        "m",
        "ns",
        Reason.INVALID_RESOURCES,
        "more than its limit",
    ),
]


@pytest.mark.parametrize(("written", "name", "namespace", "reason", "words"), CHECKS, ids=range(len(CHECKS)))
def test_checks(written: Manifest, name: str, namespace: str, reason: Reason | None, words: str) -> None:
    model = parse({"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": name}, "spec": written})
    found = list(spec_problems(model, namespace))
    assert [problem.reason for problem in found] == ([] if reason is None else [reason])
    assert all(words in problem.message for problem in found)


TABULAR = {"tabular": {"entityKey": "id", "features": ["a"]}}


def batch(**parts: Any) -> Manifest:
    entities, output = {"uri": "s3://tables/e.csv"}, {"uri": "pvc://results/m"}
    return {"preprocessing": TABULAR, "batch": {"schedule": "@daily", "entities": entities, "output": output, **parts}}


def job(desired: Desired) -> Manifest:
    assert desired.cron_job is not None
    found: Manifest = desired.cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize(
    "changed",
    [
        {"schedule": "@hourly"},
        {"suspend": True},
        {"timeZone": "Europe/London"},
        {"activeDeadlineSeconds": 60},
        {"resources": {"limits": {"cpu": 4}}},
        {"entities": {"uri": "s3://tables/other.csv", "dateColumn": "day"}},
        {"output": {"uri": "pvc://results/m", "keep": 9}},
    ],
)
def test_a_change_of_the_runs_rolls_no_pod(changed: Manifest, images: Images) -> None:
    before, after = build(spec(**batch()), images), build(spec(**batch(**changed)), images)
    assert after.intent.pod_hash == before.intent.pod_hash
    assert after.cron_job != before.cron_job


def test_another_output_rolls_pods(images: Images) -> None:
    moved = build(spec(**batch(output={"uri": "pvc://other"})), images)
    assert moved.intent.pod_hash != build(spec(**batch()), images).intent.pod_hash
    assert predictor(moved)["containers"][0]["args"][-2:] == ["--batch-dir", "/mnt/predictions"]


def test_without_a_schedule_results_are_served_and_nothing_runs(images: Images) -> None:
    desired = build(spec(batch={"output": {"uri": "pvc://results/m"}}), images)
    assert desired.cron_job is None
    assert predictor(desired)["volumes"][-1]["persistentVolumeClaim"] == {"claimName": "results", "readOnly": True}


def test_a_run_mounts_a_claim_once(images: Images) -> None:
    """kubelet never starts a pod in which two volumes are one claim."""
    made = batch(entities={"uri": "pvc://results/tables/e.csv"})
    pod = job(build({**spec(**made), "model": {"source": {"uri": "pvc://models"}}}, images))
    claims = [volume["persistentVolumeClaim"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
    assert claims == [{"claimName": "results"}, {"claimName": "models", "readOnly": True}]
    mounts = {mount["mountPath"]: mount for mount in pod["containers"][0]["volumeMounts"]}
    assert mounts["/mnt/entities"] == {"name": "gpux-claim-0", "mountPath": "/mnt/entities", "readOnly": True}
    assert mounts["/mnt/predictions"] == {"name": "gpux-claim-0", "mountPath": "/mnt/predictions"}
    assert "/mnt/models" in pod["containers"][0]["args"]


def test_a_run_fetches_what_is_in_no_claim(images: Images) -> None:
    arguments = job(build(spec(**batch()), images))["containers"][0]["args"]
    assert "--model-dir" not in arguments
    assert arguments[arguments.index("--entities") + 1] == "s3://tables/e.csv"


@pytest.mark.parametrize(
    ("changed", "source", "reason"),
    [
        ({"output": {"uri": "file:///results"}}, "s3://b/m", Reason.FILE_SOURCE_IN_CLUSTER),
        ({"entities": {"uri": "file:///e.csv"}}, "s3://b/m", Reason.FILE_SOURCE_IN_CLUSTER),
        ({}, "pvc://results/models", Reason.CLAIM_TWICE_IN_POD),
        ({}, "s3://b/m", Reason.CLAIM_TWICE_IN_POD),
        ({"resources": {"limits": {"nvidia.com/gpu": 1}}}, "s3://b/m", Reason.INVALID_RESOURCES),
    ],
)
def test_batches_that_no_cluster_can_run(changed: Manifest, source: str, reason: Reason) -> None:
    parts = {**batch(**changed), "model": {"source": {"uri": source}}}
    if reason is Reason.CLAIM_TWICE_IN_POD and source.startswith("s3"):
        parts["async"] = {"claimName": "results"}
    document = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": parts}
    assert [problem.reason for problem in spec_problems(parse(document), "ns")] == [reason]


def test_the_tasks_cannot_have_the_models_claim() -> None:
    spec = {"model": {"source": {"uri": "pvc://models/sentiment"}}, "async": {"claimName": "models"}}
    model = parse(
        {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m", "uid": "u"}, "spec": spec}
    )
    [problem] = spec_problems(model, "default")
    assert problem.reason is Reason.CLAIM_TWICE_IN_POD
    assert problem.message.startswith(
        "spec.async.claimName: the claim models is mounted for spec.model.source.uri already"
    )


def node_terms(gpu: Manifest, images: Images, affinity: Any = None) -> Any:
    serving = {} if affinity is None else {"affinity": affinity}
    found = predictor(build(spec(runtime={"gpu": gpu}, serving=serving), images)).get("affinity", {})
    return (
        found.get("nodeAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms")
    )


H100 = {"key": "nvidia.com/gpu.product", "operator": "In", "values": ["H100"]}
ZONE = {"key": "zone", "operator": "In", "values": ["a"]}


def required(*terms: Any) -> Manifest:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


@pytest.mark.parametrize(
    ("gpu", "value"),
    [({"minMemory": "40Gi"}, "40959"), ({"minMemory": "1Mi"}, "0"), ({"minMemory": "15G"}, "14305")],
)
def test_a_node_has_at_least_the_memory(gpu: Manifest, value: str, images: Images) -> None:
    """The label counts mebibytes, and there is no `at least` in an affinity: 15G are 14305.1 MiB, so 14306 do."""
    expression = {"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": [value]}
    assert node_terms(gpu, images) == [{"matchExpressions": [expression]}]


def test_a_product_holds_beside_what_the_user_asks_for(images: Images) -> None:
    gpu = {"product": "H100"}
    assert node_terms(gpu, images) == [{"matchExpressions": [H100]}]
    fields = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}
    assert node_terms(gpu, images, required({"matchExpressions": [ZONE]}, fields)) == [
        {"matchExpressions": [ZONE, H100]},
        {**fields, "matchExpressions": [H100]},
    ]
    preferred = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": {}}]}}
    assert node_terms(gpu, images, preferred) == [{"matchExpressions": [H100]}]
    assert node_terms(gpu, images, required({})) == [{}], "which selects no node"
    assert node_terms({}, images) is None
    assert node_terms({"count": 0, "product": "H100"}, images) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"nodeAffinity": "x"},
        required("x"),
        {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [1]}},
    ],
)
def test_an_affinity_that_is_none_is_left_to_the_cluster_s_refusal(wrong: Manifest, images: Images) -> None:
    found = predictor(build(spec(runtime={"gpu": {"product": "H100"}}, serving={"affinity": wrong}), images))
    assert "H100" not in str(found.get("affinity"))


def test_a_runtime_class_goes_with_a_gpu(images: Images) -> None:
    made = build(spec(runtime={"gpu": {"runtimeClassName": "nvidia"}}, **batch()), images)
    assert predictor(made)["runtimeClassName"] == "nvidia"
    assert made.cron_job is not None
    assert made.cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["runtimeClassName"] == "nvidia"
    without = build(spec(runtime={"gpu": {"count": 0, "runtimeClassName": "nvidia"}}), images)
    assert "runtimeClassName" not in predictor(without)
