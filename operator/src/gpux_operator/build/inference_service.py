"""The InferenceService of a model: KServe's custom predictor, in Standard or Knative mode.

Source of each choice that KServe forces: github.com/kserve/kserve v0.20-v0.21, pkg/apis/serving/v1beta1 (defaults,
validation) and pkg/controller/v1beta1/inferenceservice (Deployment, Service, Ingress).
"""

from dataclasses import dataclass

from gpux_api.projection import resource_name
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.metadata import KSERVE_API_VERSION, MODE, POD_HASH, Manifest, child_metadata, digest
from gpux_operator.build.modes import KNATIVE
from gpux_operator.build.pod import DRAIN_SECONDS, pod_spec
from gpux_operator.build.revision import VISIBILITY, is_knative, revision_spec, scale, traffic
from gpux_operator.build.rollout import deployment_strategy
from gpux_operator.build.scaling import CLASS, autoscaler, replicas, suspension

_VISIBILITY, _CLUSTER_LOCAL = "networking.kserve.io/visibility", "cluster-local"


@dataclass(frozen=True)
class Images:
    """The predictor's images where a model names none: for CPUs, and for pods with a GPU (None: the same)."""

    predictor: str
    predictor_gpu: str | None = None

    def of(self, model: GpuxModel) -> str:
        """The image that serves this model."""
        default = self.predictor if resource_name(model) is None else self.predictor_gpu or self.predictor
        return model.spec.serving.image or default


@dataclass(frozen=True)
class Platform:
    """What the operator is told of its cluster.

    Args:
        images: the predictor's.
        prometheus: the address of the Prometheus that KEDA asks, None where there is none.
    """

    images: Images
    prometheus: str | None = None


def inference_service(
    model: GpuxModel, namespace: str, config_map_name: str, images: Images, prometheus: str | None = None
) -> Manifest:
    """The InferenceService; its annotation `gpux.io/pod-hash` changes exactly when its pods have to be replaced."""
    pods = pod_spec(model, config_map_name, images.of(model))
    # Of an HTTPRoute 60 s by default, and of a revision: the predictor's own 504 comes first.
    timeout = {"timeout": model.spec.runtime.timeout_seconds + DRAIN_SECONDS}
    if is_knative(model):
        parts = {**scale(model), **timeout, **revision_spec(pods)}
        return _manifest(model, namespace, {MODE: KNATIVE}, parts, parts | traffic(model))
    scaling = {**replicas(model, namespace, prometheus), "deploymentStrategy": deployment_strategy(model)}
    annotations = {MODE: "Standard", CLASS: autoscaler(model)}
    return _manifest(model, namespace, annotations, pods, {**scaling, **timeout, **pods})


def _manifest(
    model: GpuxModel, namespace: str, annotations: Manifest, hashed: Manifest, predictor: Manifest
) -> Manifest:
    """The InferenceService.

    Args:
        hashed: what of the predictor makes new pods if it changes.
    """
    metadata = child_metadata(model, model.metadata.name, namespace)
    if model.spec.serving.visibility == "ClusterLocal":
        metadata["labels"][VISIBILITY if is_knative(model) else _VISIBILITY] = _CLUSTER_LOCAL
    pod_hash = digest([metadata["labels"], annotations, hashed], 16)
    return {
        "apiVersion": KSERVE_API_VERSION,
        "kind": "InferenceService",
        "metadata": {**metadata, "annotations": {**annotations, POD_HASH: pod_hash, **suspension(model)}},
        "spec": {"predictor": predictor},
    }


def is_cluster_local(isvc: Manifest) -> bool:
    """Whether KServe makes no way in from outside for this InferenceService."""
    labels = isvc["metadata"].get("labels") or {}
    return any(labels.get(name) == _CLUSTER_LOCAL for name in (_VISIBILITY, VISIBILITY))
