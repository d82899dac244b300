"""Kill -9 at random points of a day of changes: the end is that of an operator that was never disturbed.

`GPUX_KILLS` is how often it is killed (the acceptance: 100; the default fits into half a minute).
"""

from __future__ import annotations

import functools
import os
import random
import time
from typing import TYPE_CHECKING, Any

import pytest

from testcluster.api import ApiError
from testcluster.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.operator.conftest import Models, Operator

    from testcluster.api import Api

KSERVE = "serving.kserve.io/v1beta1"
KILLS = int(os.environ.get("GPUX_KILLS", "10"))
MODELS, CHANGES = 30, 100
BETWEEN_KILLS = 1.5
"""Seconds, at most: start takes one, so that kills meet the start, the passes over all models, and single passes."""
SETTLED_SECONDS = 300.0
SEED = 7
Object = dict[str, Any]


def source(version: int) -> Object:
    return {"source": {"uri": "s3://bucket/model"}, "version": str(version)}


def day(chance: random.Random, models: Models, admin: Api) -> list[Callable[[], object]]:
    """Changes in their order: by users, and by others where they should not."""
    return [change(chance, f"m{chance.randrange(MODELS)}", number, models, admin) for number in range(CHANGES)]


def change(chance: random.Random, name: str, number: int, models: Models, admin: Api) -> Callable[[], object]:
    replicas = chance.randrange(1, 4)

    def foreign(patch: Object) -> None:
        try:
            admin.patch(KSERVE, "InferenceService", name, patch, models.namespace)
        except ApiError as error:
            if error.status != 404:  # it is not there yet, or has just been collected
                raise

    def lost_child() -> None:
        for config_map in models.config_maps(name):
            admin.delete("v1", "ConfigMap", config_map["metadata"]["name"], models.namespace)

    choices: list[Callable[[], object]] = [
        lambda: models.apply(name, model=source(number)),
        lambda: models.apply(name, model=source(number)),
        lambda: models.apply(name, serving={"replicas": {"min": replicas}}),
        lambda: models.apply(name, serving={"nodeSelector": {"zone": str(replicas)}}),
        lambda: models.apply(name, batch=BATCH),
        lambda: models.delete(name),
        lambda: foreign({"spec": {"predictor": {"minReplicas": 9}}}),
        lambda: foreign({"metadata": {"labels": {"gpux.io/model": "stolen"}}}),
        lost_child,
        lambda: admin.delete(KSERVE, "InferenceService", name, models.namespace),
    ]
    return chance.choice(choices)


BATCH: Object = {
    "schedule": "0 5 * * *",
    "entities": {"uri": "pvc://tables/today.csv", "keyColumn": "id"},
    "output": {"uri": "pvc://tables/out"},
}


def end_state(models: Models, admin: Api) -> dict[str, Object]:
    """Specs of children, statuses and owners by model; without what differs from run to run (uids, times)."""
    found: dict[str, Object] = {}
    for model in admin.list("gpux.io/v1alpha1", "GpuxModel", models.namespace):
        name, uid = model["metadata"]["name"], model["metadata"]["uid"]
        conditions = model.get("status", {}).get("conditions", [])
        found[name] = {
            "spec": model["spec"],
            "conditions": sorted((item["type"], item["status"], item["reason"]) for item in conditions),
            "current": all(item["observedGeneration"] == model["metadata"]["generation"] for item in conditions),
            "children": sorted(
                (kind, child["metadata"]["name"], owned(child, uid), str(child.get("spec", child.get("data"))))
                for version, kind in ((KSERVE, "InferenceService"), ("v1", "ConfigMap"), ("batch/v1", "CronJob"))
                for child in admin.list(version, kind, models.namespace, "app.kubernetes.io/managed-by=gpux-operator")
                if belongs(child, name) and is_wanted(child, kind, models)
            ),
        }
    return found


def belongs(child: Object, name: str) -> bool:
    return bool(child["metadata"]["labels"].get("gpux.io/model") == name)


def is_wanted(child: Object, kind: str, models: Models) -> bool:
    """ConfigMaps of older versions stay until a rollout has ended, and nothing rolls out here."""
    if kind != "ConfigMap":
        return True
    isvc = models.isvc(child["metadata"]["labels"]["gpux.io/model"])
    return isvc is not None and child["metadata"]["name"] in str(isvc["spec"])


def owned(child: Object, uid: str) -> bool:
    return [owner["uid"] for owner in child["metadata"]["ownerReferences"]] == [uid]


def settles(models: Models, admin: Api) -> dict[str, Object]:
    """The end state, once it is complete and has not changed for a while."""

    def probe() -> dict[str, Object] | None:
        first = end_state(models, admin)
        time.sleep(4)
        complete = all(model["current"] and len(model["children"]) >= 2 for model in first.values())
        return first if complete and end_state(models, admin) == first else None

    return eventually(probe, SETTLED_SECONDS, "all is done and nothing changes any more")


@pytest.mark.timeout(900)
def test_killed_at_random_points_of_a_day_it_ends_as_if_it_had_not_been(
    stopped_operator: Operator, models: Models, admin: Api
) -> None:
    operator = stopped_operator
    chance = random.Random(SEED)
    script = random.Random(SEED)
    steps: list[Callable[[], object]] = [functools.partial(models.apply, f"m{number}") for number in range(MODELS)]
    steps += day(script, models, admin)
    kills = set(chance.sample(range(1, len(steps)), min(KILLS, len(steps) - 1)))
    operator.start()
    for number, step in enumerate(steps):
        step()
        if number in kills:
            time.sleep(chance.uniform(0, BETWEEN_KILLS))
            operator.kill()
            operator.start()
    disturbed = settles(models, admin)
    log = operator.log()
    assert "Traceback" not in log, log[-8000:]
    operator.kill()
    assert disturbed == undisturbed(operator, models, admin)


def undisturbed(operator: Operator, models: Models, admin: Api) -> dict[str, Object]:
    """What one operator makes of the same models from nothing: all children are removed, and made anew."""
    for version, kind in ((KSERVE, "InferenceService"), ("v1", "ConfigMap"), ("batch/v1", "CronJob")):
        for child in admin.list(version, kind, models.namespace, "app.kubernetes.io/managed-by=gpux-operator"):
            admin.delete(version, kind, child["metadata"]["name"], models.namespace)
    operator.start()
    return settles(models, admin)
