"""The examples that this machine cannot run (GPUs, Gateway API, CronJobs): what the operator makes of them is what they promise."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from gpux_operator.build.inference_service import Images, Platform
from gpux_operator.render import render

EXAMPLES = Path(__file__).parents[3] / "examples"
Object = dict[str, Any]


def rendered(*files: str) -> list[Object]:
    """The children of the models in these files, as `gpux-operator render` prints them."""
    manifests, problems = render([EXAMPLES / file for file in files], "default", Platform(Images("image", "gpu-image")))
    assert problems == []
    return manifests


def of_kind(kind: str, *files: str) -> Object:
    [found] = [manifest for manifest in rendered(*files) if manifest["kind"] == kind]
    return found


def pod(name: str) -> tuple[Object, Object]:
    """The pod's specification and its container's resources."""
    spec = of_kind("InferenceService", f"gpu/{name}.yaml")["spec"]["predictor"]
    return spec, spec["containers"][0]["resources"]["limits"]


def required(spec: Object) -> dict[str, tuple[str, list[str]]]:
    [term] = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    return {item["key"]: (item["operator"], item["values"]) for item in term["matchExpressions"]}


@pytest.mark.parametrize("name", ["whole", "memory", "product"])
def test_a_whole_gpu(name: str) -> None:
    spec, limits = pod(name)
    assert limits["nvidia.com/gpu"] == "1"
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in spec["tolerations"]
    assert spec["containers"][0]["image"] == "gpu-image"


def test_a_partition() -> None:
    _, limits = pod("mig")
    assert limits["nvidia.com/mig-1g.10gb"] == "1"
    assert "nvidia.com/gpu" not in limits


def test_memory_chooses_nodes() -> None:
    spec, _ = pod("memory")
    assert required(spec) == {"nvidia.com/gpu.memory": ("Gt", [str(40 * 1024 - 1)])}


def test_a_product_chooses_nodes() -> None:
    spec, _ = pod("product")
    assert "NVIDIA-H100-80GB-HBM3" in str(spec)
    assert spec["runtimeClassName"] == "nvidia"


def test_the_canarys_route_leads_to_both_models() -> None:
    route = yaml.safe_load((EXAMPLES / "canary" / "route.yaml").read_text())
    backends = {item["name"]: item["weight"] for rule in route["spec"]["rules"] for item in rule["backendRefs"]}
    services = {
        f"{item['metadata']['name']}-predictor": item
        for item in rendered("canary/stable.yaml", "canary/candidate.yaml")
        if item["kind"] == "InferenceService"
    }
    assert set(backends) == set(services)
    assert sum(backends.values()) == 100
    for service in services.values():
        assert service["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"


def test_the_canary_of_one_model_is_knative_s() -> None:
    service = of_kind("InferenceService", "canary/knative.yaml")
    predictor = service["spec"]["predictor"]
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Knative"
    assert (predictor["canaryTrafficPercent"], predictor["minReplicas"], predictor["maxReplicas"]) == (10, 0, 4)


def test_tasks_are_in_the_redis_of_the_chart() -> None:
    service = of_kind("InferenceService", "async-redis/review-tasks.yaml")
    env = {item["name"]: item for item in service["spec"]["predictor"]["containers"][0]["env"]}
    refs = [env[name]["valueFrom"]["secretKeyRef"] for name in ("GPUX_REDIS_URL", "GPUX_WEBHOOK_SECRET")]
    chart = yaml.safe_load((EXAMPLES.parent / "charts" / "gpux" / "values.yaml").read_text())
    assert refs == [{"name": chart["redis"]["urlSecretName"], "key": "url"}, {"name": "webhooks", "key": "secret"}]
    assert service["spec"]["predictor"]["minReplicas"] == 3


def test_keys_are_files_of_the_secret() -> None:
    spec = of_kind("InferenceService", "api-keys/review-keys.yaml")["spec"]["predictor"]
    [volume] = [item for item in spec["volumes"] if item.get("secret")]
    assert volume["secret"] == {"secretName": "callers"}
    [container] = spec["containers"]
    mounts = {item["name"]: item["mountPath"] for item in container["volumeMounts"]}
    assert container["args"][container["args"].index("--api-keys-dir") + 1] == mounts[volume["name"]]


def test_the_schedule_of_match_outcome() -> None:
    job = of_kind("CronJob", "match-outcome/gpuxmodel.yaml")["spec"]
    assert (job["schedule"], job["timeZone"], job["concurrencyPolicy"]) == ("0 5 * * *", "Europe/London", "Forbid")
    [container] = job["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert "batch" in container["args"]
