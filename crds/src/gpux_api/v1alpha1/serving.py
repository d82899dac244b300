"""How the model is run in a cluster: replicas, pods, and how a new version takes over."""

from typing import Annotated, Literal

from pydantic import Field

from gpux_api.base import ATOMIC, SET, ApiModel, JsonObject, Rule, distinct, list_map
from gpux_api.v1alpha1.pods import EnvVar, LabelValue, ResourcesSpec, Toleration


class TargetSpec(ApiModel):
    """What the autoscaler holds steady."""

    metric: Literal["cpu", "queue", "concurrency"] = Field(
        description="cpu: use of the CPU that the pods request, by a HorizontalPodAutoscaler. queue: requests and tasks that wait; "
        "concurrency: requests that wait or run; both by KEDA from Prometheus. In Knative mode concurrency only, by Knative."
    )
    value: Annotated[int, Field(ge=1, le=1000000)] = Field(description="Its value for each replica; percent for cpu.")

    rules = (
        Rule(
            cel="self.metric != 'cpu' || self.value <= 100",
            check=lambda t: t.metric != "cpu" or t.value <= 100,
            message="a target of cpu is a percentage of the CPU that a pod requests, at most 100: write for instance 80",
        ),
    )


class ReplicasSpec(ApiModel):
    """How many copies of the model run."""

    min: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=1,
        description="Replicas that always run. `kubectl scale` sets it. 0, in Knative mode only: none while nobody asks. For none at all "
        "there is spec.suspend.",
    )
    max: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None, description="Replicas that an autoscaler may run. Omitted: there is none, min replicas run."
    )
    target: TargetSpec | None = Field(default=None, description="What the autoscaler goes by.")

    rules = (
        Rule(
            cel="!has(self.max) || self.max >= self.min",
            check=lambda r: r.max is None or r.max >= r.min,
            message="replicas.max is less than replicas.min: raise max or lower min",
        ),
        Rule(
            cel="has(self.max) == has(self.target)",
            check=lambda r: (r.max is None) == (r.target is None),
            message="an autoscaler needs replicas.max and replicas.target: write for instance max: 4 and target: "
            "{metric: cpu, value: 80}, or remove both",
        ),
    )

    @property
    def most(self) -> int:
        """How many replicas there can be at a time, rollouts aside."""
        return self.min if self.max is None else self.max


GRPC_PORT = 8081
"""Where the predictor serves gRPC; KServe's default too."""
Protocols = Annotated[
    list[Literal["v1", "v2", "grpc"]], Field(min_length=1, max_length=3, json_schema_extra=SET), distinct()
]


class ServingSpec(ApiModel):
    """The pods that serve the model, and who reaches them."""

    mode: Literal["Standard", "Knative"] = Field(
        default="Standard",
        description="What KServe makes of the model. Standard: a Deployment. Knative: a Knative Service, which can run no replica while "
        "nobody asks (replicas.min: 0), and split traffic between versions (rollout.canary), and refuses much else. It cannot be changed.",
    )
    port: Annotated[int, Field(ge=1024, le=65535)] = Field(default=8080, description="The HTTP port of the container.")
    protocols: Protocols | None = Field(
        default=None,
        description="Beside /predict: v1 (KServe's V1), v2 (the Open Inference Protocol over HTTP), grpc (the same over gRPC, on "
        f"port {GRPC_PORT}). Omitted: v1 and v2.",
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
    affinity: JsonObject | None = Field(
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
            cel="!has(self.mode) || !has(oldSelf.mode) || self.mode == oldSelf.mode",
            check=lambda _: True,
            transition=lambda old, new: new.mode == old.mode,
            message="mode cannot be changed (KServe keeps the one that an InferenceService began with): delete the GpuxModel and apply it "
            "again, or make another one beside it and move the callers",
        ),
        Rule(
            cel="!has(self.port) || !has(oldSelf.port) || self.port == oldSelf.port",
            check=lambda _: True,  # a manifest alone has no past
            transition=lambda old, new: new.port == old.port,
            message="port cannot be changed while the model serves (KServe's Service would point at pods that do not listen "
            "there yet): delete the GpuxModel and apply it again",
        ),
        Rule(
            cel=f"!has(self.protocols) || !('grpc' in self.protocols) || self.port != {GRPC_PORT}",
            check=lambda s: "grpc" not in (s.protocols or ()) or s.port != GRPC_PORT,
            message=f"port {GRPC_PORT} is gRPC's: choose another port, or remove grpc from protocols",
        ),
    )

    @property
    def open_protocols(self) -> frozenset[str]:
        """What is served beside /predict."""
        return frozenset(self.protocols or ("v1", "v2"))


class CanarySpec(ApiModel):
    """A share of the traffic for the newest version; the rest goes to the last one that had all of it."""

    percent: Annotated[int, Field(ge=0, le=100)] = Field(
        description="The newest version's share, in percent. 100, or no canary, gives it all traffic. What had all of it already gives "
        "the rest back to the version before."
    )


class RolloutSpec(ApiModel):
    """How a new version takes over from the old one."""

    strategy: Literal["auto", "RollingUpdate", "Recreate"] = Field(
        default="auto",
        description="auto: a new pod first and the old one after it; with GPUs the other way round, since a spare GPU may not exist.",
    )
    canary: CanarySpec | None = Field(
        default=None,
        description="In Knative mode: how much of the traffic a new version takes. Omitted: all of it, once it is ready.",
    )
