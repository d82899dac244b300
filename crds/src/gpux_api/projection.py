"""The part of a GpuxModel that the predictor reads.

In a pod the operator mounts this projection instead of the whole object, so that a change of replicas, scheduling or rollout
rolls no pod; on a laptop the predictor reads the user's own file. Both are GpuxModel manifests. Of `spec.batch` there is the place
of the results only: its schedule and its table are the CronJob's, which is told of them by its arguments. `spec.access.tls` is an
argument of the server's, too.
"""

from typing import Any

from gpux_api.v1alpha1 import GpuxModel
from gpux_api.v1alpha1.inference import WITHOUT_GPU

GPU_RESOURCE_BACKENDS = {"amd.com/gpu": "rocm"}


def resource_name(model: GpuxModel) -> str | None:
    """The extended resource that one replica asks the cluster for, None where it needs no GPU."""
    gpu = model.spec.runtime.gpu
    if gpu is None or gpu.effective_count() == 0:
        return None
    if gpu.partition is not None:
        return f"nvidia.com/mig-{gpu.partition}"
    return gpu.resource_name or ("amd.com/gpu" if gpu.backend == "rocm" else "nvidia.com/gpu")


def cluster_backend(model: GpuxModel) -> str:
    """The backend with `auto` resolved for a pod: the GPU that is asked for, else the CPU.

    So that a pod which was given a GPU and cannot use it says so instead of serving from the CPU.
    """
    gpu = model.spec.runtime.gpu
    if gpu is None:
        return "cpu"
    if gpu.backend != "auto":
        return gpu.backend
    resource = resource_name(model)
    return "cpu" if resource is None else GPU_RESOURCE_BACKENDS.get(resource, "cuda")


def serving_manifest(model: GpuxModel) -> dict[str, Any]:
    """The GpuxModel manifest that the predictor of a pod is given."""
    spec = model.spec.model_dump(
        mode="json",
        by_alias=True,
        exclude_none=True,
        include={
            "model": True,
            "inputs": True,
            "outputs": True,
            "preprocessing": True,
            "postprocessing": True,
            "samples": True,
            "runtime": {"timeout_seconds", "threads", "batching", "queue"},
            "serving": {"port", "protocols"},
            "access": {"api_keys", "cors"},
            "batch": {"output": {"uri"}},
        },
    )
    spec["model"]["source"].pop("serviceAccountName", None)
    if not spec.get("access"):
        spec.pop("access", None)
    spec["runtime"]["gpu"] = _gpu(model)
    spec["async"] = _tasks(model)
    metadata = {"name": model.metadata.name}
    if spec["async"].get("store") == "redis" and model.metadata.namespace:
        metadata["namespace"] = model.metadata.namespace  # a Redis may hold the tasks of many models
    return {"apiVersion": model.api_version, "kind": model.kind, "metadata": metadata, "spec": spec}


def _tasks(model: GpuxModel) -> dict[str, Any]:
    """What the predictor needs to know of tasks. A pod has none unless they are asked for: its disk goes with it."""
    tasks = model.spec.async_
    if tasks is None or not tasks.enabled:
        return {"enabled": False}
    return tasks.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"claim_name"})


def _gpu(model: GpuxModel) -> dict[str, Any]:
    """What the predictor needs to know of the GPU; a limit of its memory only where the pod has one."""
    gpu, backend = model.spec.runtime.gpu, cluster_backend(model)
    memory = None if gpu is None or backend in WITHOUT_GPU else gpu.memory
    return {"backend": backend} if memory is None else {"backend": backend, "memory": memory}
