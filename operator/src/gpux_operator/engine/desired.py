"""The children that a model asks for. What they are made of is in `build`."""

from dataclasses import dataclass, replace

from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build import access
from gpux_operator.build.config_map import config_map
from gpux_operator.build.cron_job import cron_job
from gpux_operator.build.disruption import pod_disruption_budget
from gpux_operator.build.inference_service import Images, inference_service
from gpux_operator.build.metadata import STOP, Manifest, pod_hash_of
from gpux_operator.build.revision import is_knative
from gpux_operator.build.rollout import explanation
from gpux_operator.build.scaling import autoscaler
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed


@dataclass(frozen=True)
class Desired:
    """The children that a spec asks for."""

    config_map: Manifest
    inference_service: Manifest
    intent: Intent
    cron_job: Manifest | None = None
    disruption_budget: Manifest | None = None

    def manifests(self) -> list[Manifest]:
        """All of them."""
        found = (self.config_map, self.inference_service, self.cron_job, self.disruption_budget)
        return [item for item in found if item is not None]


def desired_children(model: GpuxModel, namespace: str, images: Images, prometheus: str | None = None) -> Desired:
    """The children of a valid model.

    Args:
        prometheus: the address of the Prometheus that an autoscaler asks.
    """
    configuration = config_map(model, namespace)
    mounted = configuration["metadata"]["name"]
    isvc = inference_service(model, namespace, mounted, images, prometheus)
    serving = model.spec.serving
    intent = Intent(
        pod_hash=pod_hash_of(isvc) or "",
        replicas=serving.replicas.min,
        public=serving.visibility == "Public",
        strategy=isvc["spec"]["predictor"].get("deploymentStrategy", {}),
        rollout=explanation(model),
        autoscaled=autoscaler(model) != "none",
        suspended=model.spec.suspend,
        tls=access.has_tls(model),
        keyed=access.has_keys(model),
        undescribed=access.is_undescribed(model),
        knative=is_knative(model),
        canary=isvc["spec"]["predictor"].get("canaryTrafficPercent"),
    )
    budget = pod_disruption_budget(model, namespace)
    return Desired(configuration, isvc, intent, cron_job(model, namespace, mounted, images), budget)


def for_what_exists(desired: Desired, observed: Observed) -> Desired:
    """The children where a Deployment has no replicas and an autoscaler is to choose them.

    It would leave them at zero for ever. So the InferenceService is stopped, which takes the Deployment away, and goes on in
    the pass after: KServe then makes one with a replica. A model comes here that is resumed with a new target.
    """
    intent, deployment = desired.intent, observed.own_deployment()
    if not intent.autoscaled or intent.suspended or deployment is None or deployment["spec"].get("replicas") != 0:
        return desired
    isvc = desired.inference_service
    metadata = {**isvc["metadata"], "annotations": {**isvc["metadata"]["annotations"], STOP: "true"}}
    return replace(
        desired, inference_service={**isvc, "metadata": metadata}, intent=replace(desired.intent, renewed=True)
    )
