"""A scheduled run that fails and one that succeeds, by the real CronJob and Job controllers; pods end as the test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from testcluster.api import Api
from testcluster.controlplane import ControlPlane
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Models

Object = dict[str, Any]
BATCH = {
    "schedule": "* * * * *",
    "entities": {"uri": "s3://tables/e.csv", "keyColumn": "id"},
    "output": {"uri": "pvc://r/m"},
}
RUNS = "app.kubernetes.io/component=batch,gpux.io/model=m"
A_MINUTE = 90.0
pytestmark = pytest.mark.usefixtures("operator")


def end_pods(api: Api, namespace: str, phase: str, message: str) -> None:
    """What a kubelet says of pods that have ended."""
    ended = {"exitCode": 1 if phase == "Failed" else 0, "message": message}
    container = {"name": "batch", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    status = {"phase": phase, "containerStatuses": [{**container, "state": {"terminated": ended}}]}
    for pod in api.list("v1", "Pod", namespace, RUNS):
        if pod["status"]["phase"] == "Pending":
            api.patch("v1", "Pod", pod["metadata"]["name"], {"status": status}, namespace, subresource="status")


def outcome(models: Models, reason: str) -> Callable[[], Object | None]:
    def probe() -> Object | None:
        found = models.condition("BatchSucceeded")
        return found if found.get("reason") == reason else None

    return probe


def test_the_status_says_how_the_last_run_ended(
    models: Models, control_plane: ControlPlane, settled_writes: Callable[..., list[str]]
) -> None:
    api, namespace = models.api, models.namespace
    models.apply(batch=BATCH)
    eventually(outcome(models, "NoBatchRunYet"), SOON, "no run has begun")
    eventually(lambda: api.list("batch/v1", "Job", namespace), A_MINUTE, "a run begins")
    eventually(lambda: models.get()["status"]["batch"]["running"], SOON, "the status says that it runs")
    models.apply(batch={**BATCH, "suspend": True})  # one run is enough

    def failed() -> Object | None:
        end_pods(api, namespace, "Failed", "batch: s3://tables/e.csv: no such bucket")
        return outcome(models, "BatchRunFailed")()

    told = eventually(failed, A_MINUTE, "the run has failed, after two more pods")
    batch = models.get()["status"]["batch"]
    assert told["status"] == "False"
    assert told["message"].startswith(
        f"the run scheduled for {batch['lastScheduleTime']} ended without a result: pod m-"
    )
    assert told["message"].endswith(": exit code 1: batch: s3://tables/e.csv: no such bucket")
    assert "lastSuccessfulTime" not in batch
    assert not batch["running"]
    settled = settled_writes(namespace)

    control_plane.kubectl("create", "job", "--from=cronjob/m", "now", "-n", namespace)
    eventually(lambda: len(api.list("batch/v1", "Job", namespace)) == 2, SOON, "a run by hand begins")

    def succeeded() -> Object | None:
        end_pods(api, namespace, "Succeeded", "")
        return outcome(models, "BatchRunSucceeded")()

    assert eventually(succeeded, SOON, "it has succeeded")["status"] == "True"
    assert models.get()["status"]["batch"]["lastSuccessfulTime"] >= batch["lastScheduleTime"]
    events = [item["reason"] for item in api.list("v1", "Event", namespace) if item["involvedObject"]["name"] == "m"]
    assert events.count("BatchRunFailed") == 1
    assert len(settled_writes(namespace)) - len(settled) <= 3, "a status and an event"
