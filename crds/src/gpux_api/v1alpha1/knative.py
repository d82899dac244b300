"""What KServe's Knative mode cannot do, refused with the reason.

Sources: knative.dev/serving 0.44 to 0.48, pkg/apis/serving/fieldmask.go and k8s_validation.go (what a revision may have),
pkg/apis/config (features.go: what is off by default; defaults.go: the longest time-out); kserve 0.15 to 0.20,
pkg/controller/v1beta1/inferenceservice/reconcilers/knative.
"""

from collections.abc import Callable
from typing import Any

from gpux_api.base import Rule

LONGEST_TIMEOUT_SECONDS = 590
"""Knative's own limit of a request, 600 s by default, is KServe's `timeout`: 10 s more than ours, whose 504 comes first."""
RESERVED_PORTS = (8008, 8012, 8013, 8022, 9090, 9091)
"""Of Knative's queue-proxy beside each predictor."""
RESERVED_VARIABLES = ("PORT", "K_SERVICE", "K_CONFIGURATION", "K_REVISION")


def _only_knative(cel: str, check: Callable[[Any], bool], message: str) -> Rule:
    """A rule that holds for models in Knative mode."""
    return Rule(
        cel=f"self.serving.mode != 'Knative' || ({cel})",
        check=lambda spec: spec.serving.mode != "Knative" or check(spec),
        message=f"{message}, or set serving.mode: Standard",
    )


def _gpu(spec: Any, *fields: str) -> bool:  # noqa: ANN401  (GpuxModelSpec, which imports this module)
    return spec.runtime.gpu is not None and any(getattr(spec.runtime.gpu, field) is not None for field in fields)


KNATIVE_RULES = (
    Rule(
        cel="self.serving.mode == 'Knative' || self.serving.replicas.min > 0",
        check=lambda s: s.serving.mode == "Knative" or s.serving.replicas.min > 0,
        message="replicas.min: 0 needs serving.mode: Knative, where a request starts a replica; for no replica at all set suspend: true: "
        """kubectl patch gpuxmodel NAME --type merge --patch '{"spec": {"suspend": true}}'""",
    ),
    Rule(
        cel="self.serving.mode != 'Knative' || self.serving.replicas.min > 0 || has(self.serving.replicas.max)",
        check=lambda s: s.serving.mode != "Knative" or s.serving.replicas.min > 0 or s.serving.replicas.max is not None,
        message="replicas.min: 0 needs an autoscaler: write for instance max: 4 and target: {metric: concurrency, value: 8}; for no "
        """replica at all set suspend: true: kubectl patch gpuxmodel NAME --type merge --patch '{"spec": {"suspend": true}}'""",
    ),
    Rule(
        cel="self.serving.mode == 'Knative' || !has(self.rollout.canary)",
        check=lambda s: s.serving.mode == "Knative" or s.rollout.canary is None,
        message="rollout.canary needs serving.mode: Knative: KServe's Standard mode splits no traffic between versions. Or deploy a "
        "second GpuxModel, and split the traffic at your ingress",
    ),
    _only_knative(
        "!has(self.serving.protocols) || !('grpc' in self.serving.protocols)",
        lambda s: "grpc" not in s.serving.open_protocols,
        "serving.mode Knative has one port, so no gRPC beside HTTP: remove grpc from serving.protocols",
    ),
    _only_knative(
        "!has(self.serving.nodeSelector) && !has(self.serving.tolerations) && !has(self.serving.affinity)",
        lambda s: s.serving.node_selector is None and s.serving.tolerations is None and s.serving.affinity is None,
        "Knative refuses a choice of nodes unless its features for that are switched on: remove serving.nodeSelector, tolerations "
        "and affinity",
    ),
    _only_knative(
        "!has(self.runtime.gpu) || (!has(self.runtime.gpu.product) && !has(self.runtime.gpu.minMemory) && "
        "!has(self.runtime.gpu.runtimeClassName))",
        lambda s: not _gpu(s, "product", "min_memory", "runtime_class_name"),
        "Knative refuses a choice of nodes and of their runtime unless its features for that are switched on: remove "
        "runtime.gpu.product, minMemory and runtimeClassName (resourceName and partition choose a GPU, too)",
    ),
    _only_knative(
        "self.rollout.strategy == 'auto'",
        lambda s: s.rollout.strategy == "auto",
        "Knative always starts a new version before the old one ends: remove rollout.strategy",
    ),
    _only_knative(
        "!has(self.serving.replicas.target) || self.serving.replicas.target.metric == 'concurrency'",
        lambda s: s.serving.replicas.target is None or s.serving.replicas.target.metric == "concurrency",
        "Knative's autoscaler counts requests in flight: write replicas.target: {metric: concurrency, value: 8}",
    ),
    _only_knative(
        "!has(self.async) || !self.async.enabled",
        lambda s: s.async_ is None or not s.async_.enabled,
        "Knative counts requests only, and ends pods while their tasks run: remove async",
    ),
    _only_knative(
        "!has(self.batch)",
        lambda s: s.batch is None,
        "Knative mounts no claims unless its features for that are switched on, so nothing could look up batch predictions: remove batch",
    ),
    _only_knative(
        "!has(self.access) || !has(self.access.tls)",
        lambda s: s.access is None or s.access.tls is None,
        "Knative's queue-proxy speaks plain HTTP to the predictor: remove access.tls",
    ),
    _only_knative(
        f"self.runtime.timeoutSeconds <= {LONGEST_TIMEOUT_SECONDS}",
        lambda s: s.runtime.timeout_seconds <= LONGEST_TIMEOUT_SECONDS,
        f"Knative ends requests after 600 s: set runtime.timeoutSeconds to at most {LONGEST_TIMEOUT_SECONDS}",
    ),
    _only_knative(
        f"!(self.serving.port in {list(RESERVED_PORTS)})",
        lambda s: s.serving.port not in RESERVED_PORTS,
        "the ports "
        + ", ".join(map(str, RESERVED_PORTS))
        + " are of Knative's queue-proxy: choose another serving.port",
    ),
    _only_knative(
        f"!has(self.serving.env) || !self.serving.env.exists(item, item.name in {list(RESERVED_VARIABLES)})",
        lambda s: not any(item.name in RESERVED_VARIABLES for item in s.serving.env or ()),
        "Knative sets the variables " + ", ".join(RESERVED_VARIABLES) + " itself: remove them from serving.env",
    ),
)
"""Rules of the spec about its mode and other fields."""
