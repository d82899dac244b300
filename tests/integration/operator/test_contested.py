"""Others that write what the operator writes: undone at once, and with somebody who insists there is no race."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest

from testcluster.waiting import SOON, consistently, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.operator.conftest import Models

    from testcluster.api import Api

KSERVE = "serving.kserve.io/v1beta1"
INSISTS_SECONDS, MOST_WRITES = 30.0, 10
pytestmark = pytest.mark.usefixtures("operator", "kserve")


class Insists:
    """Another controller that wants nine replicas: it looks fifty times a second."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.writes = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.02):
            with contextlib.suppress(Exception):
                isvc = self._api.get(KSERVE, "InferenceService", "m", self._namespace)
                if isvc["spec"]["predictor"]["minReplicas"] != 9:
                    self._api.apply(nine(self._namespace), manager="rival")
                    self.writes += 1


def nine(namespace: str) -> dict[str, Any]:
    metadata = {"name": "m", "namespace": namespace}
    spec = {"predictor": {"minReplicas": 9}}
    return {"apiVersion": KSERVE, "kind": "InferenceService", "metadata": metadata, "spec": spec}


def replicas(models: Models) -> int:
    found: int = models.has_isvc()["spec"]["predictor"]["minReplicas"]
    return found


def test_one_that_takes_a_field_over_by_force_once(
    models: Models, admin: Api, operator_writes: Callable[[str], list[str]], a_few_passes: Callable[[], None]
) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    before = operator_writes(models.namespace).count("patch inferenceservices m")
    admin.apply(nine(models.namespace), manager="rival")
    eventually(lambda: replicas(models) == 1, SOON, "the field is taken back")
    a_few_passes()
    assert operator_writes(models.namespace).count("patch inferenceservices m") == before + 1
    models.becomes("NewestGenerationServes")


def test_one_that_insists_is_told_of_and_makes_no_race(
    models: Models, admin: Api, operator_writes: Callable[[str], list[str]]
) -> None:
    models.apply()
    models.becomes("NewestGenerationServes")
    before = operator_writes(models.namespace)
    with Insists(admin, models.namespace) as rival:
        told = models.becomes("Contested")
        assert "rival keeps changing InferenceService m" in told["message"]
        consistently(
            lambda: models.condition("Ready")["reason"] == "Contested", INSISTS_SECONDS, "the status is stable"
        )
        writes = operator_writes(models.namespace)[len(before) :]
        assert writes.count("patch inferenceservices m") <= MOST_WRITES, rival.writes
        assert writes.count("patch gpuxmodels m") <= 2 * MOST_WRITES, "its replicas come and go"
        events = [event for event in admin.list("v1", "Event", models.namespace) if event["reason"] == "Contested"]
        assert [(event["type"], event["count"]) for event in events] == [("Warning", 1)]
        models.apply(serving={"nodeSelector": {"zone": "a"}})
        change = lambda: models.has_isvc()["spec"]["predictor"].get("nodeSelector") == {"zone": "a"}  # noqa: E731
        eventually(change, SOON, "a change of the model does not wait")
    eventually(lambda: replicas(models) == 1, SOON, "the last word is the operator's")
    models.becomes("NewestGenerationServes", timeout=SOON)
