"""The CustomResourceDefinition around the schema: names, subresources, printer columns."""

from typing import Any

from gpux_api.crdgen.schema import structural
from gpux_api.v1alpha1 import GROUP, KIND, PLURAL, VERSION, GpuxModel


def _ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


PRINTER_COLUMNS: list[dict[str, Any]] = [
    {
        "name": "Ready",
        "type": "string",
        "jsonPath": _ready("status"),
        "description": "Whether the newest generation serves.",
    },
    {"name": "Reason", "type": "string", "jsonPath": _ready("reason"), "description": "Why."},
    {"name": "Replicas", "type": "integer", "jsonPath": ".status.replicas", "description": "Pods that exist."},
    {
        "name": "Provider",
        "type": "string",
        "jsonPath": ".status.model.provider",
        "description": "What runs the model.",
    },
    {"name": "URL", "type": "string", "jsonPath": ".status.url", "description": "Where the model is reached."},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {
        "name": "Last batch",
        "type": "date",
        "jsonPath": ".status.batch.lastSuccessfulTime",
        "description": "How long ago a run of batch predictions last succeeded.",
        "priority": 1,
    },
    {"name": "Message", "type": "string", "jsonPath": _ready("message"), "description": "Why, in full.", "priority": 1},
]


def openapi_schema() -> dict[str, Any]:
    """The schema of a GpuxModel object as the CRD carries it; metadata is the API server's own business."""
    schema = structural(GpuxModel)
    schema["properties"]["apiVersion"] = {"type": "string"}
    schema["properties"]["kind"] = {"type": "string"}
    schema["properties"]["metadata"] = {"type": "object"}
    schema["required"] = ["spec"]
    return schema


def custom_resource_definition() -> dict[str, Any]:
    """The CRD object of `gpux.io/v1alpha1` GpuxModel."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": openapi_schema()},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.serving.replicas.min",
                "statusReplicasPath": ".status.replicas",
                "labelSelectorPath": ".status.selector",
            },
        },
        "additionalPrinterColumns": PRINTER_COLUMNS,
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}", "labels": {"app.kubernetes.io/part-of": "gpux"}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": "gpuxmodel",
                "shortNames": ["gpux"],
            },
            "versions": [version],
        },
    }
