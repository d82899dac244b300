"""KServe's InferenceService as a CRD, made from the models of the KServe SDK.

KServe's own CRDs are in no package registry. This one is as strict as theirs: a field that KServe does not know is refused,
and lists merge by the same keys when they are applied server-side. It differs in this: what no GpuxModel becomes is left
out (the API server takes a quarter of a minute for a schema with all of it), and rules beyond types and required fields
are missing.
"""

from functools import cache
from typing import Any

import kserve.models
import kubernetes.client.models
from kserve.models.knative_condition import KnativeCondition

from testcluster import crds
from testcluster.api import Api
from testcluster.sdk_schema import FREE_FORM, QUANTITY, Schema, Schemas

GROUP = "serving.kserve.io"
VERSION = "v1beta1"
KIND = "InferenceService"
NAME = f"inferenceservices.{GROUP}"

# What no GpuxModel becomes, each as large as all the rest; and fields of Kubernetes' types that are too new for KServe.
LEFT_OUT = {
    "V1beta1InferenceServiceSpec": {"canary", "explainer", "transformer"},
    "V1beta1PredictorSpec": {
        "ephemeralContainers",
        "huggingface",
        "lightgbm",
        "onnx",
        "paddle",
        "pmml",
        "pytorch",
        "schedulingGroup",
        "sklearn",
        "tensorflow",
        "triton",
        "workerSpec",
        "xgboost",
    },
    "V1DownwardAPIVolumeSource": {"defaultUser"},
    "V1EmptyDirVolumeSource": {"mode"},
    "V1ConfigMapVolumeSource": {"defaultUser"},
    "V1GRPCAction": {"mode"},
    "V1HTTPGetAction": {"protocol"},
    "V1KeyToPath": {"user"},
    "V1ProjectedVolumeSource": {"defaultUser"},
    "V1SecretVolumeSource": {"defaultUser"},
    "V1ServiceAccountTokenProjection": {"user"},
    "V1VolumeMount": {"bindMountOptions"},
}
# How these go over the wire, where the SDK shows the inside of a Go struct instead.
KNOWN: dict[str, Schema] = {
    "KnativeAddressable": {
        "type": "object",
        "properties": {name: {"type": "string"} for name in ("name", "url", "CACerts", "audience")},
    },
    "KnativeDevServingPkgApisServingV1TrafficTarget": FREE_FORM,
    "KnativeURL": {"type": "string"},
    "KnativeVolatileTime": {"type": "string"},
    "V1Time": {"type": "string", "format": "date-time"},
    "V1ObjectMeta": {"type": "object"},
    "V1beta1MetricQuantity": QUANTITY,
}
RENAMED = {
    "K8sIoApiAppsV1DeploymentStrategy": "V1DeploymentStrategy",
    "K8sIoApiAutoscalingV2HorizontalPodAutoscalerBehavior": "V2HorizontalPodAutoscalerBehavior",
}
# Classes that the SDK has and does not export.
UNEXPORTED = {"KnativeCondition": KnativeCondition}
# Quantities, which the Kubernetes client takes for strings.
QUANTITIES = {
    "V1EmptyDirVolumeSource": ("sizeLimit",),
    "V1ResourceFieldSelector": ("divisor",),
    "V2HPAScalingRules": ("tolerance",),
}
QUANTITY_MAPS = {
    "V1ResourceRequirements": ("limits", "requests"),
    "V1VolumeResourceRequirements": ("limits", "requests"),
}
# Lists whose items are told apart by keys, as the markers in Kubernetes' Go types say; all others are replaced whole.
LIST_KEYS = {
    "claims": ("name",),
    "env": ("name",),
    "ports": ("containerPort", "protocol"),
    "resourceClaims": ("name",),
    "schedulingGates": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
}
# Objects and maps that are replaced whole.
ATOMIC_OBJECTS = {
    "V1ConfigMapEnvSource",
    "V1ConfigMapKeySelector",
    "V1ConfigMapProjection",
    "V1FileKeySelector",
    "V1LabelSelector",
    "V1LocalObjectReference",
    "V1NodeSelector",
    "V1NodeSelectorTerm",
    "V1ObjectFieldSelector",
    "V1ResourceFieldSelector",
    "V1SecretEnvSource",
    "V1SecretKeySelector",
    "V1SecretProjection",
    "V1SecretReference",
    "V1TypedLocalObjectReference",
}
ATOMIC_MAPS = {"nodeSelector"}
# What the server fills in, and an operator that compares must not take for drift.
DEFAULTS: dict[str, dict[str, str | int]] = {
    "V1ConfigMapEnvSource": {"name": ""},
    "V1ConfigMapKeySelector": {"name": ""},
    "V1ConfigMapProjection": {"name": ""},
    "V1ConfigMapVolumeSource": {"name": ""},
    "V1ContainerPort": {"protocol": "TCP"},
    "V1GRPCAction": {"service": ""},
    "V1LocalObjectReference": {"name": ""},
    "V1SecretEnvSource": {"name": ""},
    "V1SecretKeySelector": {"name": ""},
    "V1SecretProjection": {"name": ""},
    "V1beta1ModelCopies": {"failedCopies": 0},
    "V1beta1ModelRevisionStates": {"activeModelState": "Pending", "targetModelState": ""},
    "V1beta1ModelStatus": {"transitionStatus": "UpToDate"},
    "V1beta1StorageUri": {"mountPath": "/mnt/models"},
}


@cache
def inference_service_crd() -> dict[str, Any]:
    """The CustomResourceDefinition; treat it as read-only."""
    schemas = Schemas(find=_find, known=KNOWN, left_out=LEFT_OUT, refine=_refine)
    schema = {
        "type": "object",
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": schemas.of("V1beta1InferenceServiceSpec"),
            "status": schemas.of("V1beta1InferenceServiceStatus") | FREE_FORM,
        },
    }
    names = {
        "kind": KIND,
        "listKind": f"{KIND}List",
        "plural": "inferenceservices",
        "singular": "inferenceservice",
        "shortNames": ["isvc"],
    }
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": "URL", "type": "string", "jsonPath": ".status.url"},
            {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type=='Ready')].status"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


@cache
def storage_container_crd() -> dict[str, Any]:
    """The ClusterStorageContainer, by which KServe knows its storage initializers; treat it as read-only."""
    schemas = Schemas(find=_find, known=KNOWN, left_out=LEFT_OUT, refine=_refine)
    spec = schemas.of("V1alpha1StorageContainerSpec")
    schema = {"type": "object", "properties": {"metadata": {"type": "object"}, "spec": spec}}
    names = {"kind": "ClusterStorageContainer", "plural": "clusterstoragecontainers"}
    version = {"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"clusterstoragecontainers.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Cluster", "names": names, "versions": [version]},
    }


def install(api: Api) -> None:
    """KServe arrives: return when InferenceServices can be made."""
    crds.install(api, [inference_service_crd()])


def remove(api: Api) -> None:
    """KServe leaves, with all InferenceServices."""
    crds.remove(api, NAME)


def _find(name: str) -> type | None:
    name = RENAMED.get(name, name)
    found: type | None = getattr(kserve.models, name, None) or getattr(kubernetes.client.models, name, None)
    return found or UNEXPORTED.get(name)


def _refine(name: str, schema: Schema) -> Schema:
    """What the models don't say: quantities, keys of lists, what is replaced whole, and defaults."""
    properties = dict(schema["properties"])
    for field in QUANTITIES.get(name, ()):
        properties[field] = QUANTITY
    for field in QUANTITY_MAPS.get(name, ()):
        properties[field] = {"type": "object", "additionalProperties": QUANTITY}
    for field, default in DEFAULTS.get(name, {}).items():
        properties[field] = properties[field] | {"default": default}
    properties = {field: _merged(field, value) for field, value in properties.items()}
    whole = {"x-kubernetes-map-type": "atomic"} if name in ATOMIC_OBJECTS else {}
    return schema | {"properties": properties} | whole


def _merged(field: str, schema: Schema) -> Schema:
    """The field's schema with how server-side apply merges it."""
    if field in ATOMIC_MAPS and "additionalProperties" in schema:
        return schema | {"x-kubernetes-map-type": "atomic"}
    if field in LIST_KEYS and "items" in schema:
        return schema | {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(LIST_KEYS[field])}
    return schema
