"""Reads what exists below a model. Always from the API server: events only say that it is time to look."""

from gpux_operator.build.cron_job import COMPONENT
from gpux_operator.build.metadata import MODEL_LABEL, Manifest
from gpux_operator.build.modes import KNATIVE, mode_of
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import (
    CONFIG_MAPS,
    CRON_JOBS,
    DEPLOYMENTS,
    HTTP_ROUTES,
    INFERENCE_SERVICES,
    INGRESSES,
    KNATIVE_REVISIONS,
    KNATIVE_SERVICES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    KubeApi,
    Resource,
)
from gpux_operator.kube.errors import KindMissing, NotFound
from gpux_operator.status import batch
from gpux_operator.status.observed import Observed

ISVC_LABEL = "serving.kserve.io/inferenceservice"
"""KServe sets it on the pods of an InferenceService."""


SERVICE_LABEL = "serving.knative.dev/service"
"""Knative sets it on the revisions of a Knative Service."""


def observe(api: KubeApi, key: Key, stored: Manifest, with_url: bool) -> Observed:
    """What exists. Kinds that the cluster doesn't have hold nothing.

    Args:
        api: the API server.
        key: the model.
        stored: it, as it was read.
        with_url: whether the ingress matters.
    """
    isvc = find(api, INFERENCE_SERVICES, key, key.name)
    url = ((isvc or {}).get("status") or {}).get("url")
    knative = isvc is not None and mode_of(isvc) == KNATIVE
    predictor = f"{key.name}-predictor"
    cron_job = find(api, CRON_JOBS, key, key.name)
    return Observed(
        inference_service=isvc,
        deployment=find(api, DEPLOYMENTS, key, predictor) if isvc and not knative else None,
        knative_service=find(api, KNATIVE_SERVICES, key, predictor) if knative else None,
        revisions=_revisions(api, key, predictor) if knative else (),
        pods=tuple(api.list(PODS, key.namespace, f"{ISVC_LABEL}={key.name}")) if isvc else (),
        hosts=_hosts(api, key) if with_url and url and not knative else frozenset(),
        config_maps=tuple(api.list(CONFIG_MAPS, key.namespace, f"{MODEL_LABEL}={key.name}")),
        cron_job=cron_job,
        run_pods=run_pods(api, key) if batch.failed_run(cron_job, stored.get("status") or {}) else (),
        disruption_budget=find(api, POD_DISRUPTION_BUDGETS, key, key.name),
    )


def run_pods(api: KubeApi, key: Key) -> tuple[Manifest, ...]:
    """The pods of the model's scheduled runs, and of those that were begun by hand from its CronJob."""
    return tuple(api.list(PODS, key.namespace, f"{MODEL_LABEL}={key.name},{COMPONENT}=batch"))


def _revisions(api: KubeApi, key: Key, service: str) -> tuple[Manifest, ...]:
    try:
        return tuple(api.list(KNATIVE_REVISIONS, key.namespace, f"{SERVICE_LABEL}={service}"))
    except KindMissing:
        return ()


def _hosts(api: KubeApi, key: Key) -> frozenset[str]:
    """The hosts that KServe routes to the model, by Ingress or, where it is set up so, by Gateway API."""
    ingress = find(api, INGRESSES, key, key.name)
    if ingress is not None:
        return frozenset(rule.get("host", "") for rule in ingress.get("spec", {}).get("rules") or ())
    route = find(api, HTTP_ROUTES, key, key.name) or {}
    return frozenset(route.get("spec", {}).get("hostnames") or ())


def find(api: KubeApi, resource: Resource, key: Key, name: str) -> Manifest | None:
    """An object in the model's namespace, None if there is none or the cluster doesn't know the kind."""
    try:
        return api.get(resource, key.namespace, name)
    except (NotFound, KindMissing):
        return None
