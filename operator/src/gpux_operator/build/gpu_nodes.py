"""Which nodes have the GPU that a model asks for, by the labels of NVIDIA's GPU Feature Discovery.

Source: github.com/NVIDIA/k8s-device-plugin, docs/gpu-feature-discovery (`nvidia.com/gpu.product`; `nvidia.com/gpu.memory`, in MiB).
"""

from decimal import ROUND_CEILING

from gpux_api.projection import resource_name
from gpux_api.quantity import value_of
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.metadata import Manifest

_NODE, _REQUIRED, _TERMS = "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"
_EXPRESSIONS = "matchExpressions"
_MIB = 2**20


def runtime_class(model: GpuxModel) -> str | None:
    """The container runtime that brings the GPU's driver into the pod, None for the node's default."""
    gpu = model.spec.runtime.gpu
    return gpu.runtime_class_name if gpu is not None and resource_name(model) is not None else None


def with_gpu_nodes(affinity: Manifest, model: GpuxModel) -> Manifest:
    """The affinity, narrowed to nodes that have such a GPU.

    Args:
        affinity: the user's, a core/v1 Affinity; what is none is returned as it is, and the cluster refuses it.
    """
    wanted = _requirements(model)
    node = affinity.get(_NODE) or {}
    selector = node.get(_REQUIRED) or {} if isinstance(node, dict) else None
    terms = selector.get(_TERMS) or [] if isinstance(selector, dict) else None
    if not wanted or not isinstance(terms, list) or not all(isinstance(term, dict) for term in terms):
        return affinity
    # One of the terms has to hold, so each gets the requirements; an empty one selects no node, and goes on doing so.
    narrowed = [
        {**term, _EXPRESSIONS: [*(term.get(_EXPRESSIONS) or ()), *wanted]} for term in terms if any(term.values())
    ]
    empty = [term for term in terms if not any(term.values())]
    return {**affinity, _NODE: {**node, _REQUIRED: {_TERMS: [*narrowed, *empty] or [{_EXPRESSIONS: wanted}]}}}


def _requirements(model: GpuxModel) -> list[Manifest]:
    gpu = model.spec.runtime.gpu
    if gpu is None or resource_name(model) is None:
        return []
    found: list[Manifest] = []
    if gpu.product is not None:
        found.append({"key": "nvidia.com/gpu.product", "operator": "In", "values": [gpu.product]})
    if gpu.min_memory is not None:
        mebibytes = int((value_of(gpu.min_memory) / _MIB).to_integral_value(rounding=ROUND_CEILING))
        found.append({"key": "nvidia.com/gpu.memory", "operator": "Gt", "values": [str(mebibytes - 1)]})
    return found
