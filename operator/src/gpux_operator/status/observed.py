"""What was read of the objects below a model."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gpux_operator.build.metadata import STOP, Manifest, is_controlled_by, pod_hash_of
from gpux_operator.build.modes import KNATIVE, mode_of, new_name
from gpux_operator.status.predictor import Described, Health


@dataclass(frozen=True)
class Observed:
    """What exists; an object that doesn't is None.

    Args:
        inference_service: the model's own InferenceService.
        deployment: the Deployment `<name>-predictor`, whoever owns it.
        pods: the pods of the InferenceService, of all versions.
        hosts: the host names of the Ingress or HTTPRoute `<name>`.
        config_maps: the ConfigMaps with the model's label.
        cron_job: the CronJob `<name>`, whoever owns it.
        run_pods: the pods of its runs; read only where the last one failed.
        disruption_budget: the PodDisruptionBudget `<name>`, whoever owns it.
        said: why predictors of the newest version are not ready, in their own words, by pod.
        troubles: why nodes cannot start pods of the newest version, in their words, by pod.
        kserve_trouble: why KServe does not follow the InferenceService, in its words.
        unheard: whether one of them was asked for the first time and may answer soon.
        look_again_seconds: when another answer may be had; None: nobody is to be asked.
        described: the model of the newest version, None if it isn't known.
        knative_service: in Knative mode the Knative Service `<name>-predictor`, whoever owns it.
        revisions: its revisions.
    """

    inference_service: Manifest | None = None
    deployment: Manifest | None = None
    pods: tuple[Manifest, ...] = ()
    hosts: frozenset[str] = frozenset()
    config_maps: tuple[Manifest, ...] = ()
    cron_job: Manifest | None = None
    run_pods: tuple[Manifest, ...] = ()
    disruption_budget: Manifest | None = None
    said: Mapping[str, Health] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)
    kserve_trouble: str | None = None
    unheard: bool = False
    look_again_seconds: float | None = None
    described: Described | None = None
    knative_service: Manifest | None = None
    revisions: tuple[Manifest, ...] = ()

    def own_deployment(self) -> Manifest | None:
        """The Deployment, if KServe made it for this InferenceService."""
        return self._if_own(self.deployment)

    def own_knative_service(self) -> Manifest | None:
        """The Knative Service, if KServe made it for this InferenceService."""
        return self._if_own(self.knative_service)

    def _if_own(self, child: Manifest | None) -> Manifest | None:
        if child is None or self.inference_service is None:
            return None
        return child if is_controlled_by(child, self.inference_service["metadata"].get("uid", "")) else None

    def is_knative(self) -> bool:
        """Whether the InferenceService asks for KServe's Knative mode."""
        return self.inference_service is not None and mode_of(self.inference_service) == KNATIVE

    def is_stopped(self) -> bool:
        """Whether somebody asked KServe to take the pods away and keep the InferenceService."""
        metadata = (self.inference_service or {}).get("metadata") or {}
        return str((metadata.get("annotations") or {}).get(STOP)).lower() == "true"

    def other_mode(self) -> str | None:
        """The mode that KServe chose instead of the one asked for; None where it did as it was asked, or has not chosen."""
        isvc = self.inference_service or {"metadata": {}}
        asked, chosen = mode_of(isvc), (isvc.get("status") or {}).get("deploymentMode")
        return chosen if asked and chosen and new_name(chosen) != asked else None

    def kserve_condition(self, kind: str) -> Manifest:
        """A condition of the InferenceService, empty if KServe has not set it."""
        return condition(self.inference_service, kind)

    def current_pods(self, pod_hash: str) -> tuple[Manifest, ...]:
        """The pods of one version that are not on their way out."""
        return tuple(pod for pod in self.alive_pods() if pod_hash_of(pod) == pod_hash)

    def running_pods(self) -> tuple[Manifest, ...]:
        """Those that run, or are to: one that has ended is kept only to be looked at, and a Deployment does not count it either."""
        ended = {"Failed", "Succeeded"}
        return tuple(pod for pod in self.alive_pods() if (pod.get("status") or {}).get("phase") not in ended)

    def alive_pods(self) -> tuple[Manifest, ...]:
        """The pods of all versions that are not on their way out."""
        return tuple(pod for pod in self.pods if "deletionTimestamp" not in pod["metadata"])


def condition(obj: Manifest | None, kind: str) -> Manifest:
    """A condition of any object, empty if there is none."""
    return next((item for item in _conditions(obj) if item.get("type") == kind), {})


def _conditions(obj: Manifest | None) -> Iterator[Manifest]:
    yield from ((obj or {}).get("status") or {}).get("conditions") or ()


def is_seen(obj: Manifest) -> bool:
    """Whether the status of a Deployment or Knative Service is of its current spec."""
    seen = (obj.get("status") or {}).get("observedGeneration", 0)
    return bool(seen == obj["metadata"].get("generation"))


def is_ready(pod: Manifest) -> bool:
    """Whether the pod takes requests."""
    return bool(condition(pod, "Ready").get("status") == "True")
