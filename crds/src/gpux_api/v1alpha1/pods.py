"""What the pods get and where they may run: CPU and memory, tolerations, environment variables."""

from typing import Annotated, Literal

from pydantic import Field

from gpux_api.base import ApiModel, Rule
from gpux_api.quantity import Quantity, value_of

LabelValue = Annotated[str, Field(max_length=63)]
NameString = Annotated[str, Field(min_length=1, max_length=253)]


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
