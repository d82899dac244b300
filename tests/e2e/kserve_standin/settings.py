"""What KServe reads from its ConfigMap `inferenceservice-config`; the values are its defaults, with Traefik as ingress."""

import os
from dataclasses import dataclass, field

GROUP = "serving.kserve.io"
API_VERSION = f"{GROUP}/v1beta1"
KIND = "InferenceService"
CONTAINER = "kserve-container"
FIELD_MANAGER = "kserve-controller-manager"
FINALIZER = "inferenceservice.finalizers"
ISVC_LABEL = f"{GROUP}/inferenceservice"
MODE = f"{GROUP}/deploymentMode"
NEW_NAMES = {"RawDeployment": "Standard", "Serverless": "Knative"}
STOP = f"{GROUP}/stop"
AUTOSCALER = f"{GROUP}/autoscalerClass"
VISIBILITY = "networking.kserve.io/visibility"
SOURCE_URI = f"internal.{GROUP}/storage-initializer-sourceuri"
STORAGE_READ_ONLY = "storage.kserve.io/readonly"
# not handed on to the children
WITHHELD_ANNOTATIONS = {
    "autoscaling.knative.dev/min-scale",
    "autoscaling.knative.dev/max-scale",
    SOURCE_URI,
    "kubectl.kubernetes.io/last-applied-configuration",
    "modelFormat",
}


@dataclass(frozen=True)
class Settings:
    """One installation's choices."""

    domain: str = "example.com"
    ingress_class: str = "traefik"
    storage_initializer: str = field(
        default_factory=lambda: os.environ.get("STANDIN_STORAGE_INITIALIZER", "kserve/storage-initializer:latest")
    )
    webhook_host: str = "127.0.0.1"
    webhook_port: int = 9443
    cpu: str = "1"
    memory: str = "2Gi"


def host(name: str, namespace: str, settings: Settings) -> str:
    """KServe's default domain template."""
    return f"{name}-{namespace}.{settings.domain}"
