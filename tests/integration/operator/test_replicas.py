"""Several replicas of the operator, real processes, over a real Lease: one acts, another takes over, never two."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from testcluster.waiting import SOON, consistently, eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.operator.conftest import Models, Operator

    from testcluster.api import Api
    from testcluster.controlplane import ControlPlane

SYSTEM = "gpux-system"
USER = f"system:serviceaccount:{SYSTEM}:gpux"
COORDINATION = "coordination.k8s.io/v1"
FAILOVER_SECONDS, HAND_OVER_SECONDS = 20.0, 3.0
Object = dict[str, Any]
pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("service_account")]


@pytest.fixture
def replicas(
    make_operator: type[Operator], control_plane: ControlPlane, tmp_path: Path, admin: Api
) -> Iterator[tuple[Operator, Operator]]:
    admin.delete(COORDINATION, "Lease", "gpux", SYSTEM)
    made = []
    for name in ("one", "two"):
        options = ("--leader-elect", f"--lease-namespace={SYSTEM}", "--lease-name=gpux", f"--instance={name}")
        login = control_plane.service_account_kubeconfig(SYSTEM, "gpux").rename(tmp_path / f"{name}.kubeconfig")
        made.append(make_operator(login, tmp_path / f"{name}.log", (), options))
    one, two = made
    try:
        one.start().ready()
        two.start().ready()
        yield one, two
    finally:
        for operator in made:
            operator.kill()
    for operator in made:
        operator.ended_without_traceback()


def leads(operator: Operator) -> bool:
    return operator.metric("gpux_operator_leader ") == 1


def takes_a_model(models: Models, name: str) -> float:
    """Seconds until a new model has an InferenceService."""
    started = time.monotonic()
    models.apply(name)
    eventually(lambda: models.isvc(name), SOON, f"somebody acts on {name}")
    return time.monotonic() - started


def test_one_leads_and_the_other_says_that_it_stands_by(replicas: tuple[Operator, Operator], models: Models) -> None:
    one, two = replicas
    assert (leads(one), leads(two)) == (True, False)
    assert one.fetch(one.health_port, "/readyz") == (200, "ok\n")
    code, line = two.fetch(two.health_port, "/readyz")
    assert code == 200
    assert line.startswith("standby: one_")
    assert two.fetch(two.health_port, "/healthz")[0] == 200
    takes_a_model(models, "m")
    assert two.metric("gpux_operator_reconcile_total") == 0
    assert two.metric('gpux_operator_api_requests_total{code="200",resource="leases",verb="patch"}') == 0


@pytest.mark.alone
def test_a_killed_leader_is_replaced(replicas: tuple[Operator, Operator], models: Models) -> None:
    one, two = replicas
    takes_a_model(models, "before")
    one.kill()
    assert takes_a_model(models, "after") < FAILOVER_SECONDS
    assert leads(two)
    one.start().ready()
    assert (leads(one), leads(two)) == (False, True)


@pytest.mark.alone
def test_a_leader_that_is_told_to_end_hands_over_at_once(replicas: tuple[Operator, Operator], models: Models) -> None:
    one, two = replicas
    started = time.monotonic()
    assert one.terminate() == 0
    takes_a_model(models, "after")
    assert time.monotonic() - started < HAND_OVER_SECONDS
    assert leads(two)


def test_a_leader_that_hung_does_not_write_when_it_wakes_up(
    replicas: tuple[Operator, Operator], models: Models, control_plane: ControlPlane
) -> None:
    """Its passes go on where they were, in a world in which another one leads.

    The creation of an object that it had not seen carries no version: that one write may come late (docs/decisions.md).
    """
    one, two = replicas
    for number in range(30):
        models.apply(f"m{number}")
    one.freeze()  # amid the passes
    made = {f"m{number}" for number in range(30) if models.isvc(f"m{number}")}
    eventually(lambda: leads(two), SOON, "the other one leads")
    eventually(lambda: all(models.isvc(f"m{number}") for number in range(30)), SOON, "it makes up for the rest")
    one.thaw()
    eventually(lambda: not leads(one), SOON, "it knows")
    consistently(lambda: leads(two) and not leads(one), 5, "one leads")
    late = overlaps(control_plane, models.namespace)
    assert [line for line in late if line.split()[2].partition("-")[0] in made] == []
    assert len(late) <= 30 - len(made)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_minute_without_an_api_server(
    replicas: tuple[Operator, Operator], models: Models, control_plane: ControlPlane, frozen: bool
) -> None:
    """It refuses connections, or keeps them and answers nothing."""
    one, two = replicas
    takes_a_model(models, "before")
    control_plane.freeze_apiserver() if frozen else control_plane.stop_apiserver()
    try:
        consistently(lambda: not leads(two), 16, "the standby does not lead by itself")
        assert not leads(one), "the lease has ended"
        for operator in replicas:
            assert operator.fetch(operator.health_port, "/healthz")[0] == 200, "a restart would not help"
        time.sleep(44)
    finally:
        control_plane.thaw_apiserver() if frozen else control_plane.start_apiserver()
        control_plane.stop_controller_manager()  # it needs long to come back by itself, and the next tests need it
        control_plane.start_controller_manager()
    eventually(lambda: leads(one) != leads(two), SOON, "one leads again")
    eventually(lambda: models.apply("after"), SOON, "the API server takes the model")
    eventually(lambda: models.isvc("after"), SOON, "it is acted on")
    assert overlaps(control_plane, models.namespace) == []


def overlaps(control_plane: ControlPlane, namespace: str) -> list[str]:
    """Writes below a namespace that came about when another replica was the last to write the lease, by the audit log."""
    holder, wrong = "", []
    for event in sorted(control_plane.writes(USER), key=lambda item: str(item["stageTimestamp"])):
        [replica] = event["user"]["extra"]["authentication.kubernetes.io/credential-id"]  # each has a token of its own
        target = event["objectRef"]
        if event["responseStatus"]["code"] >= 300:
            continue  # sent too late: it was a change of a version that is no more
        if target["resource"] == "leases":
            holder = replica
        elif target.get("namespace") == namespace and replica != holder:
            wrong.append(f"{event['verb']} {target['resource']} {target.get('name', '')} at {event['stageTimestamp']}")
    return wrong
