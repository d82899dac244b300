"""What is observed of a GpuxModel. Written by the operator only, rebuilt from observation at any time."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from gpux_api.base import ATOMIC, ApiModel, JsonObject, list_map


def _parse_time(value: object) -> object:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


Time = Annotated[
    datetime,
    BeforeValidator(_parse_time),
    PlainSerializer(lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"), return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An RFC 3339 time in UTC with whole seconds, as Kubernetes' metav1.Time writes it."""


class Condition(ApiModel):
    """One aspect of the state (metav1.Condition)."""

    type: Annotated[str, Field(max_length=316)] = Field(
        description="Accepted, ModelLoaded, Available, Ready or BatchSucceeded."
    )
    status: Literal["True", "False", "Unknown"] = Field(description="Whether it holds.")
    reason: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="Why, as one CamelCase word; see the docs for all."
    )
    message: Annotated[str, Field(max_length=32768)] = Field(description="Why, for people, with what to do about it.")
    observed_generation: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="The generation this was said of."
    )
    last_transition_time: Time = Field(description="When status last changed.")


class Address(ApiModel):
    """Where the model is reached from inside the cluster."""

    url: Annotated[str, Field(max_length=2048)] = Field(description="The URL.")


class TensorStatus(ApiModel):
    """A tensor of the graph that is served."""

    name: Annotated[str, Field(max_length=256)] = Field(description="Its name.")
    type: Annotated[str, Field(max_length=64)] = Field(description="Its element type.")
    shape: Annotated[list[int], Field(max_length=32, json_schema_extra=ATOMIC)] = Field(
        description="Its dimensions, -1 for a varying one."
    )


class ModelStatus(ApiModel):
    """The model that is served, as the predictor reports it."""

    sha256: Annotated[str, Field(max_length=64)] | None = Field(default=None, description="SHA-256 of the ONNX file.")
    inputs: Annotated[list[TensorStatus], Field(max_length=64, json_schema_extra=ATOMIC)] | None = Field(
        default=None, description="The inputs."
    )
    outputs: Annotated[list[TensorStatus], Field(max_length=64, json_schema_extra=ATOMIC)] | None = Field(
        default=None, description="The outputs."
    )
    provider: Annotated[str, Field(max_length=128)] | None = Field(
        default=None, description="The execution provider that runs it."
    )
    batch_curve: JsonObject | None = Field(default=None, description="Milliseconds of one run by batch size.")


class BatchStatus(ApiModel):
    """The scheduled runs of batch predictions, as the CronJob counts them."""

    last_schedule_time: Time | None = Field(default=None, description="When the last run was scheduled that has begun.")
    last_successful_time: Time | None = Field(
        default=None, description="When a run last ended with a result; one begun by hand counts, too."
    )
    running: bool | None = Field(default=None, description="Whether a run goes on.")


class GpuxModelStatus(ApiModel):
    """What is observed of the model."""

    observed_generation: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="The newest generation that was looked at."
    )
    conditions: Annotated[list[Condition], Field(max_length=16, json_schema_extra=list_map("type"))] = Field(
        default_factory=list,
        description="Accepted, ModelLoaded, Available, Ready; with a schedule of batch predictions BatchSucceeded.",
    )
    url: Annotated[str, Field(max_length=2048)] | None = Field(
        default=None, description="Where the model is reached through the ingress."
    )
    address: Address | None = Field(default=None, description="Where the model is reached from inside the cluster.")
    replicas: Annotated[int, Field(ge=0)] | None = Field(default=None, description="Pods that exist.")
    ready_replicas: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="Pods of the newest generation that serve."
    )
    selector: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None, description="The label selector of the pods."
    )
    model: ModelStatus | None = Field(default=None, description="The model that is served.")
    batch: BatchStatus | None = Field(
        default=None, description="The scheduled runs of batch predictions. Omitted: nothing is scheduled."
    )
    example: Annotated[str, Field(max_length=65536)] | None = Field(
        default=None, description="A curl command that works."
    )
