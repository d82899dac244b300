"""Names, labels, owner references and digests of what the operator writes.

KServe copies the labels and annotations of an InferenceService to its pods (a change rolls them), so nothing unstable may
appear here: no generation, no time, no version of the operator.
"""

import hashlib
import json
from typing import Any

from gpux_api.v1alpha1 import API_VERSION, KIND, GpuxModel

Manifest = dict[str, Any]

MANAGER = "gpux-operator"
MODEL_LABEL = "gpux.io/model"
POD_HASH = "gpux.io/pod-hash"
"""Annotation on the InferenceService, and so on its pods: which intent a pod was made from."""
STOP = "serving.kserve.io/stop"
"""Annotation that somebody puts on an InferenceService: KServe takes its pods away while it is "true"."""
MODE = "serving.kserve.io/deploymentMode"
"""Annotation on an InferenceService: what KServe makes of it."""
KSERVE_API_VERSION = "serving.kserve.io/v1beta1"


def labels(model_name: str) -> dict[str, str]:
    """The labels of every child of a model; the watches select by them."""
    return {
        "app.kubernetes.io/name": "gpux-predictor",
        "app.kubernetes.io/instance": model_name,
        "app.kubernetes.io/managed-by": MANAGER,
        "app.kubernetes.io/part-of": "gpux",
        MODEL_LABEL: model_name,
    }


def child_metadata(model: GpuxModel, name: str, namespace: str) -> Manifest:
    """Metadata of a child. Without the model's uid (a render without a cluster) there is no owner reference."""
    metadata: Manifest = {"name": name, "namespace": namespace, "labels": labels(model.metadata.name)}
    if model.metadata.uid is not None:
        metadata["ownerReferences"] = [owner_reference(model.metadata.name, model.metadata.uid)]
    return metadata


def owner_reference(name: str, uid: str) -> Manifest:
    """Makes the garbage collector delete the child after the model; no finalizer is needed."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(obj: Manifest) -> Manifest | None:
    """The owner reference of the object's controller, if it has one."""
    references: list[Manifest] = obj.get("metadata", {}).get("ownerReferences", [])
    return next((reference for reference in references if reference.get("controller")), None)


def is_controlled_by(obj: Manifest, uid: str) -> bool:
    """Whether the object with that uid is the controller of `obj`."""
    controller = controller_of(obj)
    return controller is not None and controller.get("uid") == uid


def pod_hash_of(obj: Manifest) -> str | None:
    """The intent that an InferenceService, a pod or a pod template was made from."""
    annotations: dict[str, str] = obj.get("metadata", {}).get("annotations") or {}
    return annotations.get(POD_HASH)


def digest(value: object, length: int) -> str:
    """A stable digest of any JSON value in `length` hexadecimal digits."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:length]


def of_version(read: Manifest, desired: Manifest) -> Manifest:
    """`desired` as a change of the version that was read: a pass that is overtaken by another replica's writes nothing."""
    version = read["metadata"]["resourceVersion"]
    return {**desired, "metadata": {**desired["metadata"], "resourceVersion": version}}
