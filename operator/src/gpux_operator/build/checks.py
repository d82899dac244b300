"""What is wrong with a spec that the CRD accepts: rules about clusters, which do not hold on a laptop.

The namespace rule cannot be a CEL rule of a CRD, since `metadata.namespace` is not visible there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gpux_api.projection import resource_name
from gpux_api.quantity import value_of
from gpux_api.v1alpha1 import GpuxModel, ResourcesSpec
from gpux_api.v1alpha1.resource import MAX_NAME_AND_NAMESPACE
from gpux_operator.build import tasks
from gpux_operator.build.batch_volumes import claim
from gpux_operator.build.config_map import MAX_BYTES, manifest_text
from gpux_operator.status.reasons import Reason

SOON, SLOWLY = 5.0, 60.0
"""Seconds until another look at what goes on by itself, and at what somebody has to do first."""


@dataclass(frozen=True)
class Problem:
    """Why a model cannot be brought to what its spec says.

    Args:
        reason: the machine's word for it.
        message: the people's, with what to do.
        retry_seconds: when to try again; None: not before the model or one of its children changes.
    """

    reason: Reason
    message: str
    retry_seconds: float | None = None


def spec_problem(model: GpuxModel, namespace: str) -> Problem | None:
    """The first problem of the spec in a cluster, None if it is fine."""
    return next(spec_problems(model, namespace), None)


def spec_problems(model: GpuxModel, namespace: str) -> Iterator[Problem]:
    """All problems of the spec in a cluster."""
    yield from _names(model, namespace)
    yield from _source(model)
    yield from _backend(model)
    yield from _resources(model)
    yield from _batch(model)
    yield from _claims(model)
    yield from _size(model)


def _names(model: GpuxModel, namespace: str) -> Iterator[Problem]:
    length = len(model.metadata.name) + len(namespace)
    if length > MAX_NAME_AND_NAMESPACE:
        yield Problem(
            Reason.NAME_TOO_LONG,
            f"the name and the namespace {namespace!r} have {length} characters together; the host name that KServe makes of them "
            f"has room for {MAX_NAME_AND_NAMESPACE}: choose a name of at most {max(MAX_NAME_AND_NAMESPACE - len(namespace), 0)} characters",
        )


def _source(model: GpuxModel) -> Iterator[Problem]:
    uri = model.spec.model.source.uri
    if uri.startswith("file://") and model.spec.serving.image is None:
        yield Problem(
            Reason.FILE_SOURCE_IN_CLUSTER,
            "spec.model.source.uri: file:// is for runs on one machine, a pod cannot see that file: "
            "use s3://, gs://, hf://, https:// or pvc://claim/path, or name an image that holds it in spec.serving.image",
        )
    elif uri.startswith("file://") and not uri.startswith("file:///"):
        yield Problem(
            Reason.FILE_SOURCE_IN_CLUSTER,
            f"spec.model.source.uri: a file of spec.serving.image is named from its root: write file:///…, not {uri}",
        )
    if uri.startswith("pvc://") and uri.endswith(".onnx"):
        folder, _, file = uri.rpartition("/")
        yield Problem(
            Reason.CLAIM_PATH_IS_FILE,
            f"spec.model.source: KServe mounts a folder of a claim, not a file: write uri: {folder} and path: {file}",
        )


def _batch(model: GpuxModel) -> Iterator[Problem]:
    batch = model.spec.batch
    if batch is None:
        return
    for field, uri in (("output", batch.output.uri), ("entities", batch.entities.uri if batch.entities else "")):
        if uri.startswith("file://"):
            others = "pvc://claim/folder" if field == "output" else "s3://, gs://, https:// or pvc://claim/path"
            yield Problem(
                Reason.FILE_SOURCE_IN_CLUSTER,
                f"spec.batch.{field}.uri: file:// is for runs on one machine, a pod cannot see that file: use {others}",
            )


def _claims(model: GpuxModel) -> Iterator[Problem]:
    """No claim twice in the serving pods: the model's, the tasks' and the results'."""
    spec = model.spec
    named = {"spec.model.source.uri": _claim_of(spec.model.source.uri)}
    if tasks.keeps_a_claim(model) and spec.async_ is not None:
        named["spec.async.claimName"] = spec.async_.claim_name
    if spec.batch is not None:
        named["spec.batch.output.uri"] = _claim_of(spec.batch.output.uri)
    seen: dict[str, str] = {}
    for field, name in named.items():
        if name is None:
            continue
        if name in seen:
            yield Problem(
                Reason.CLAIM_TWICE_IN_POD,
                f"{field}: the claim {name} is mounted for {seen[name]} already, and kubelet never starts a pod that mounts one "
                "claim as two volumes: choose another claim",
            )
        seen[name] = field


def _claim_of(uri: str) -> str | None:
    return claim(uri)[0] if uri.startswith("pvc://") else None


def _backend(model: GpuxModel) -> Iterator[Problem]:
    gpu = model.spec.runtime.gpu
    if gpu is None:
        return
    if gpu.backend in {"directml", "coreml"}:
        yield Problem(
            Reason.BACKEND_NOT_IN_CLUSTER,
            f"spec.runtime.gpu.backend: {gpu.backend} does not exist on Linux nodes: use auto, cuda, tensorrt, rocm, openvino or cpu",
        )
    if gpu.backend in {"cuda", "tensorrt", "rocm"} and resource_name(model) is None:
        yield Problem(
            Reason.NO_GPU_REQUESTED,
            f"spec.runtime.gpu: backend {gpu.backend} with count 0 would never find a GPU: remove count, or use backend cpu",
        )


def _resources(model: GpuxModel) -> Iterator[Problem]:
    batch = model.spec.batch
    for where, resources in (
        ("spec.serving.resources", model.spec.serving.resources),
        ("spec.batch.resources", batch.resources if batch else None),
    ):
        if resources is not None:
            yield from _quantities(model, where, resources)


def _quantities(model: GpuxModel, field: str, resources: ResourcesSpec) -> Iterator[Problem]:
    for kind, quantities in (("requests", resources.requests), ("limits", resources.limits)):
        for name, quantity in quantities.items():
            where = f"{field}.{kind}"
            if value_of(quantity) < 0:
                yield Problem(Reason.INVALID_RESOURCES, f"{where}: {name} is negative: write a positive quantity")
            if name.startswith(("nvidia.com/", "amd.com/")) or name == resource_name(model):
                yield Problem(
                    Reason.INVALID_RESOURCES, f"{where}: ask for {name} in spec.runtime.gpu, and remove it here"
                )
    for name, request in resources.requests.items():
        if name in resources.limits and value_of(request) > value_of(resources.limits[name]):
            yield Problem(Reason.INVALID_RESOURCES, f"{field}: the request of {name} is more than its limit")


def _size(model: GpuxModel) -> Iterator[Problem]:
    size = len(manifest_text(model).encode())
    if size > MAX_BYTES:
        yield Problem(
            Reason.SPEC_TOO_LARGE,
            f"the part of the spec that the predictor reads has {size} bytes, and a ConfigMap has room for {MAX_BYTES}: "
            "make spec.samples smaller (an image as base64 instead of numbers, for instance) or the labels fewer",
        )
