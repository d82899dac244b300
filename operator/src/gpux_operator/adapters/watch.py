"""kopf's watches. An event only says which model to look at; its content is never trusted, and no handler writes.

Handlers other than `on.event` would put annotations or finalizers on the objects: on an InferenceService that rolls its pods.
"""

import time
from collections.abc import Callable

import kopf

from gpux_operator.adapters.metrics import Metrics
from gpux_operator.build.metadata import MANAGER, MODEL_LABEL
from gpux_operator.engine.queue import Key, KeyQueue
from gpux_operator.kube.api import (
    CONFIG_MAPS,
    CRON_JOBS,
    DEPLOYMENTS,
    GPUX_MODELS,
    INFERENCE_SERVICES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    Resource,
)

CHILDREN = (INFERENCE_SERVICES, CONFIG_MAPS, CRON_JOBS, POD_DISRUPTION_BUDGETS, DEPLOYMENTS, PODS)
"""All of these carry the model's label: KServe copies it from the InferenceService to the Deployment and the pods. The
Ingress has no labels; KServe's status changes with it."""

SELECTOR = f"app.kubernetes.io/managed-by={MANAGER},{MODEL_LABEL}"


def registry(
    queue: KeyQueue,
    metrics: Metrics,
    login: Callable[[], kopf.ConnectionInfo],
) -> kopf.OperatorRegistry:
    """The handlers of one run of kopf."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    def log_in(**_: object) -> kopf.ConnectionInfo:
        return login()

    def seen(resource: Resource, key: Key | None, meta: kopf.Meta) -> None:
        metrics.watch_last_event.labels(resource.plural).set(time.time())
        if key is not None:
            queue.add(key, meta.get("resourceVersion"))

    _watch(handlers, GPUX_MODELS, lambda meta: meta.name, seen)
    for resource in CHILDREN:
        _watch(handlers, resource, lambda meta: meta.labels.get(MODEL_LABEL), seen)
    return handlers


def _watch(
    handlers: kopf.OperatorRegistry,
    resource: Resource,
    owner: Callable[[kopf.Meta], str | None],
    seen: Callable[[Resource, Key | None, kopf.Meta], None],
) -> None:
    @kopf.on.event(
        resource.group, resource.version, resource.plural, registry=handlers, id=f"{resource.plural}-changed"
    )
    async def changed(meta: kopf.Meta, namespace: str | None, **_: object) -> None:
        name = owner(meta)
        seen(resource, Key(namespace, name) if name and namespace else None, meta)


def settings() -> kopf.OperatorSettings:
    """kopf as a mere event source: it posts nothing, scans nothing beyond start, and lists only our own children."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = (
        True  # no rights on CRDs and namespaces; see adapters.discovery for kinds that come later
    )
    chosen.watching.server_timeout = 300
    chosen.watching.client_timeout = 330
    chosen.watching.chunk_size = 500
    chosen.networking.request_timeout = 30
    chosen.peering.standalone = True
    chosen.process.ultimate_exiting_timeout = None  # it would kill the process ten minutes after an error
    for resource in CHILDREN:
        chosen.watching.label_selectors[resource.group, resource.version, resource.plural] = SELECTOR
    return chosen
