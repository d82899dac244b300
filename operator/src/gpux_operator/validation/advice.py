"""What is valid and probably not meant: few things, each of which costs something when it stands."""

from collections.abc import Iterator
from typing import Any

from gpux_api.manifests import Problem
from gpux_api.projection import resource_name
from gpux_api.v1alpha1 import GpuxModel


def advice(document: dict[str, Any], model: GpuxModel) -> Iterator[Problem]:
    """Warnings about one valid model.

    Args:
        document: as it is written.
        model: the same, parsed.
    """
    if document.get("status"):
        yield Problem("status", "is the operator's, and ignored when it is applied: remove it")
    gpu, batching, queue = model.spec.runtime.gpu, model.spec.runtime.batching, model.spec.runtime.queue
    resource = resource_name(model)
    if gpu is not None and resource is not None and model.spec.rollout.strategy == "RollingUpdate":
        yield Problem(
            "spec.rollout.strategy",
            f"a new pod starts before an old one goes, which needs {gpu.effective_count()} spare {resource} at each change, and "
            "waits for ever where there is none: write auto, unless there is one",
        )
    if batching is None:
        return
    if batching.max_size == 1 and batching.max_delay_milliseconds:
        yield Problem(
            "spec.runtime.batching.maxDelayMilliseconds",
            "requests wait for others that maxSize 1 never lets join: remove it, or make maxSize larger",
        )
    if queue is not None and queue.max_requests and batching.max_size and queue.max_requests < batching.max_size:
        yield Problem(
            "spec.runtime.queue.maxRequests",
            f"{queue.max_requests} waiting requests never fill a batch of {batching.max_size}: make it at least that",
        )
