"""Watches that end, break off, fall behind or fall silent: what changes meanwhile is acted on, and nothing is written twice.

The operator looks at all models only at its start here, so it is the watches alone that tell it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from testcluster.proxy import Refusal
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.operator.conftest import Kserve, Models, Operator

    from testcluster.api import Api
    from testcluster.proxy import ApiProxy, Asked

KSERVE = "serving.kserve.io/v1beta1"
SILENT_SECONDS, QUIET_SECONDS = 150.0, 3.0
GONE = Refusal(410, "Expired")


def prepare(models: Models) -> None:
    for name in ("changed", "deleted", "drifted"):
        models.apply(name)
        models.becomes("WaitingForKServe", name)


def change(models: Models, admin: Api) -> None:
    models.apply("changed", serving={"replicas": {"min": 2}})
    models.delete("deleted")
    drift = {"spec": {"predictor": {"minReplicas": 9}}}
    admin.patch(KSERVE, "InferenceService", "drifted", drift, models.namespace)
    models.apply("new")


def acted_on(models: Models, within: float) -> None:
    """Models that are known are looked at now and then anyway, while KServe does not follow; the new one only a watch tells of."""
    eventually(lambda: models.isvc("new"), within, "the new one is found")
    eventually(lambda: replicas(models, "drifted") == 1, SOON, "the drift is undone")
    eventually(lambda: replicas(models, "changed") == 2, SOON, "the change arrived")
    eventually(lambda: models.isvc("deleted") is None, SOON, "the deleted one is gone")
    for name in ("changed", "drifted", "new"):
        models.becomes("WaitingForKServe", name)


def replicas(models: Models, name: str) -> int:
    found: int = models.has_isvc(name)["spec"]["predictor"]["minReplicas"]
    return found


def once(writes: list[str]) -> None:
    """Each ConfigMap and InferenceService written once, and once more for each change."""
    expected = {"changed": 2, "drifted": 2, "new": 1, "deleted": 1}
    found = {name: writes.count(f"patch inferenceservices {name}") for name in expected}
    assert found == expected, writes


def test_a_version_that_is_too_old_within_a_watch(
    proxied: Operator, proxy: ApiProxy, models: Models, admin: Api, settled_writes: Callable[..., list[str]]
) -> None:
    """An ERROR event with the code 410: everything between is lost, so it is listed anew."""
    prepare(models)
    proxy.mute()
    change(models, admin)
    proxy.end_with_error(GONE)
    acted_on(models, SOON)
    once(settled_writes(models.namespace, QUIET_SECONDS))


def test_a_version_that_is_too_old_for_a_watch(
    proxied: Operator, proxy: ApiProxy, models: Models, admin: Api, settled_writes: Callable[..., list[str]]
) -> None:
    """The answer 410 to the request for a watch."""
    prepare(models)
    refused: set[str] = set()

    def first_of_each(asked: Asked) -> Refusal | None:
        if not asked.watch or asked.path in refused:
            return None
        refused.add(asked.path)
        return GONE

    proxy.mute()
    change(models, admin)
    proxy.refuse = first_of_each
    proxy.cut()
    acted_on(models, SOON)
    assert len(refused) >= 2
    once(settled_writes(models.namespace, QUIET_SECONDS))


def test_an_error_within_a_watch_that_is_none_of_ours(
    proxied: Operator, proxy: ApiProxy, models: Models, admin: Api
) -> None:
    """What etcd's troubles look like to a watch."""
    prepare(models)
    proxy.mute()
    change(models, admin)
    proxy.end_with_error(Refusal(500, "InternalError"))
    acted_on(models, SOON)


def test_watches_that_break_off_amid_an_event(
    proxied: Operator, proxy: ApiProxy, models: Models, admin: Api, settled_writes: Callable[..., list[str]]
) -> None:
    prepare(models)
    proxy.cut_amid_next()
    change(models, admin)
    acted_on(models, SOON)
    once(settled_writes(models.namespace, QUIET_SECONDS))


def test_watches_that_last_two_seconds(
    proxied: Operator, proxy: ApiProxy, models: Models, admin: Api, settled_writes: Callable[..., list[str]]
) -> None:
    prepare(models)
    proxy.watch_seconds = 2.0
    proxy.cut()
    for number in range(10):
        models.apply("changed", serving={"nodeSelector": {"zone": str(number)}})
        time.sleep(0.7)
    change(models, admin)
    acted_on(models, SOON)
    writes = settled_writes(models.namespace, QUIET_SECONDS)
    assert writes.count("patch inferenceservices drifted") == 2
    assert writes.count("patch inferenceservices changed") <= 12
    started = time.monotonic()
    watches = [asked for asked in proxy.asked if asked.watch and asked.at > started - 4]
    assert len(watches) <= 7 * 4, "each is opened again about every two seconds"


def test_watches_that_fall_silent(
    proxied: Operator, proxy: ApiProxy, models: Models, admin: Api, settled_writes: Callable[..., list[str]]
) -> None:
    """Half-dead connections. The API server sends bookmarks at least every minute; a watch without any is opened anew."""
    prepare(models)
    proxy.mute()
    change(models, admin)
    acted_on(models, SILENT_SECONDS)
    once(settled_writes(models.namespace, QUIET_SECONDS))


@pytest.mark.usefixtures("proxied", "knative")
def test_of_a_model_in_knative_mode_what_is_watched_tells_enough(models: Models, kserve: Kserve) -> None:
    """Its Knative Service and revisions are not watched: KServe's copy of their status, and the pods, come after them."""
    replicas = {"min": 0, "max": 2, "target": {"metric": "concurrency", "value": 8}}
    serving = {"mode": "Knative", "replicas": replicas}
    models.apply(serving=serving, rollout={"canary": {"percent": 20}})
    models.becomes("NewestGenerationServes")
    models.apply(serving={**serving, "env": [{"name": "A", "value": "b"}]}, rollout={"canary": {"percent": 20}})
    models.becomes("CanaryInProgress")
    models.apply(serving={**serving, "env": [{"name": "A", "value": "b"}]})
    models.becomes("NewestGenerationServes")
    kserve.knative.replicas = 0
    models.becomes("ScaledToZero")
    kserve.knative.replicas = 1
    models.becomes("NewestGenerationServes")
