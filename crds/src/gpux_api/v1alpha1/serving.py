"""How the model is run in a cluster: replicas, pods, and how a new version takes over."""

from typing import Annotated, Any, Literal

from pydantic import Field

from gpux_api.base import ATOMIC, FREE_FORM, SET, ApiModel, Rule, distinct, list_map, unsupported
from gpux_api.quantity import Quantity, value_of

LabelValue = Annotated[str, Field(max_length=63)]
NameString = Annotated[str, Field(min_length=1, max_length=253)]


class TargetSpec(ApiModel):
    """What the autoscaler holds steady."""

    metric: Literal["cpu", "queue", "concurrency"] = Field(description="The quantity watched.")
    value: Annotated[int, Field(ge=1, le=1000000)] = Field(description="Its value for each replica; percent for cpu.")


class ReplicasSpec(ApiModel):
    """How many copies of the model run."""

    min: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=1, description="Replicas that always run. `kubectl scale` sets it."
    )
    max: Annotated[int, Field(ge=1, le=1000)] | None = unsupported("set min, or scale with kubectl scale")
    target: TargetSpec | None = unsupported("set min, or scale with kubectl scale")


def _request_within_limit(name: str) -> Rule:
    """The API server would refuse such pods, later and out of sight."""
    here, there = f"self.requests['{name}']", f"self.limits['{name}']"
    return Rule(
        cel=f"!has(self.requests) || !has(self.limits) || !('{name}' in self.requests) || !('{name}' in self.limits) || "
        f"quantity(string({here})).compareTo(quantity(string({there}))) <= 0",
        check=lambda r: (
            name not in r.requests or name not in r.limits or value_of(r.requests[name]) <= value_of(r.limits[name])
        ),
        message=f"requests.{name} is more than limits.{name}: raise the limit or lower the request",
    )


class ResourcesSpec(ApiModel):
    """CPU and memory of a pod. GPUs are asked for in runtime.gpu."""

    requests: Annotated[dict[str, Quantity], Field(max_length=16)] = Field(
        default_factory=dict, description="What the scheduler reserves: cpu, memory, ephemeral-storage."
    )
    limits: Annotated[dict[str, Quantity], Field(max_length=16)] = Field(
        default_factory=dict, description="What a pod may use at most."
    )

    rules = (_request_within_limit("cpu"), _request_within_limit("memory"))


class Toleration(ApiModel):
    """A taint that the pods tolerate (core/v1 Toleration)."""

    key: Annotated[str, Field(max_length=316)] | None = Field(
        default=None, description="The taint's key. Omitted: all keys."
    )
    operator: Literal["Exists", "Equal"] | None = Field(
        default=None, description="Equal (the default) compares the value too."
    )
    value: LabelValue | None = Field(default=None, description="The taint's value.")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Omitted: all effects."
    )
    toleration_seconds: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = Field(
        default=None, description="For NoExecute."
    )


class KeyRef(ApiModel):
    """A key of a Secret or ConfigMap in the model's namespace."""

    name: NameString = Field(description="The object's name.")
    key: Annotated[str, Field(min_length=1, max_length=253)] = Field(description="The key in it.")
    optional: bool | None = Field(default=None, description="True: the pod starts without it.")


class EnvVarSource(ApiModel):
    """Where an environment variable's value comes from."""

    secret_key_ref: KeyRef | None = Field(default=None, description="A key of a Secret.")
    config_map_key_ref: KeyRef | None = Field(default=None, description="A key of a ConfigMap.")

    rules = (
        Rule(
            cel="has(self.secretKeyRef) != has(self.configMapKeyRef)",
            check=lambda s: (s.secret_key_ref is None) != (s.config_map_key_ref is None),
            message="valueFrom takes exactly one of secretKeyRef and configMapKeyRef",
        ),
    )


RESERVED_ENV = ("PYTHONPATH", "STORAGE_URI", "INFERENCE_SERVICE_NAME", "PROTOCOL")
"""Environment variables that KServe refuses or gives a meaning of its own."""


class EnvVar(ApiModel):
    """An environment variable of the predictor."""

    name: Annotated[str, Field(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", max_length=253)] = Field(
        description="Its name."
    )
    value: Annotated[str, Field(max_length=32768)] | None = Field(default=None, description="Its value.")
    value_from: EnvVarSource | None = Field(default=None, description="Where its value comes from.")

    rules = (
        Rule(
            cel="!has(self.value) || !has(self.valueFrom)",
            check=lambda e: e.value is None or e.value_from is None,
            message="an environment variable has a value or a valueFrom, not both",
        ),
        Rule(
            cel=f"!(self.name in {list(RESERVED_ENV)})",
            check=lambda e: e.name not in RESERVED_ENV,
            message="KServe refuses PYTHONPATH and gives STORAGE_URI, INFERENCE_SERVICE_NAME and PROTOCOL a meaning of its own: "
            "choose another name",
        ),
    )


class ServingSpec(ApiModel):
    """The pods that serve the model, and who reaches them."""

    port: Annotated[int, Field(ge=1024, le=65535)] = Field(default=8080, description="The HTTP port of the container.")
    protocols: Annotated[list[Literal["v1", "v2", "grpc"]], Field(max_length=3, json_schema_extra=SET)] | None = (
        unsupported("V1 and V2 over HTTP are always served")
    )
    replicas: ReplicasSpec = Field(
        default_factory=ReplicasSpec, description="How many copies run.", json_schema_extra={"default": {}}
    )
    resources: ResourcesSpec | None = Field(
        default=None, description="CPU and memory of a pod. Omitted: 1 CPU and 2Gi."
    )
    node_selector: Annotated[dict[str, LabelValue], Field(max_length=32)] | None = Field(
        default=None, description="Labels that a node must have."
    )
    tolerations: Annotated[list[Toleration], Field(max_length=32, json_schema_extra=ATOMIC)] | None = Field(
        default=None, description="Taints that the pods tolerate."
    )
    affinity: Annotated[dict[str, Any], Field(json_schema_extra=FREE_FORM)] | None = Field(
        default=None, description="Scheduling constraints of the pods (core/v1 Affinity)."
    )
    env: Annotated[list[EnvVar], Field(max_length=128, json_schema_extra=list_map("name")), distinct("name")] | None = (
        Field(default=None, description="Environment variables of the predictor.")
    )
    image: Annotated[str, Field(min_length=1, max_length=512)] | None = Field(
        default=None, description="The predictor's image. Omitted: the operator's default."
    )
    visibility: Literal["Public", "ClusterLocal"] = Field(
        default="Public",
        description="Public: through the cluster's ingress. ClusterLocal: from inside the cluster only.",
    )

    rules = (
        Rule(
            cel="!has(self.port) || !has(oldSelf.port) || self.port == oldSelf.port",
            check=lambda _: True,  # a manifest alone has no past
            message="port cannot be changed while the model serves (KServe's Service would point at pods that do not listen "
            "there yet): delete the GpuxModel and apply it again",
        ),
    )


class CanarySpec(ApiModel):
    """A share of the traffic for the new version."""

    percent: Annotated[int, Field(ge=0, le=100)] = Field(description="The new version's share, in percent.")


class RolloutSpec(ApiModel):
    """How a new version takes over from the old one."""

    strategy: Literal["auto", "RollingUpdate", "Recreate"] = Field(
        default="auto",
        description="auto: a new pod first and the old one after it; with GPUs the other way round, since a spare GPU may not exist.",
    )
    canary: CanarySpec | None = unsupported("deploy a second GpuxModel and split the traffic at your ingress")
