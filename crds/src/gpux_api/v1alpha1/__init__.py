"""`gpux.io/v1alpha1`: import the resource and its parts from here."""

from gpux_api.v1alpha1.access import AccessSpec, ApiKeysSpec, CorsSpec, RateLimitSpec, TlsSpec
from gpux_api.v1alpha1.inference import GpuSpec, RuntimeSpec
from gpux_api.v1alpha1.model import ModelSourceSpec, ModelSpec, TensorSpec
from gpux_api.v1alpha1.pods import EnvVar, ResourcesSpec, Toleration
from gpux_api.v1alpha1.resource import API_VERSION, GROUP, KIND, PLURAL, VERSION, GpuxModel, GpuxModelSpec, ObjectMeta
from gpux_api.v1alpha1.serving import GRPC_PORT, ReplicasSpec, RolloutSpec, ServingSpec
from gpux_api.v1alpha1.status import Address, Condition, GpuxModelStatus, ModelStatus

__all__ = [
    "API_VERSION",
    "GROUP",
    "GRPC_PORT",
    "KIND",
    "PLURAL",
    "VERSION",
    "AccessSpec",
    "Address",
    "ApiKeysSpec",
    "Condition",
    "CorsSpec",
    "EnvVar",
    "GpuSpec",
    "GpuxModel",
    "GpuxModelSpec",
    "GpuxModelStatus",
    "ModelSourceSpec",
    "ModelSpec",
    "ModelStatus",
    "ObjectMeta",
    "RateLimitSpec",
    "ReplicasSpec",
    "ResourcesSpec",
    "RolloutSpec",
    "RuntimeSpec",
    "ServingSpec",
    "TensorSpec",
    "TlsSpec",
    "Toleration",
]
