"""Who leads, with time in the test's hands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gpux_operator.engine.election import LOOK_SECONDS, RENEW_DEADLINE_SECONDS, RETRY_SECONDS, Election
from gpux_operator.engine.lease import DURATION_SECONDS, Lease
from gpux_operator.kube.api import LEASES
from gpux_operator.kube.errors import Transient

if TYPE_CHECKING:
    from tests.unit.operator.conftest import FakeApi

PLACE = ("system", "gpux")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Replica:
    def __init__(self, api: FakeApi, name: str, clock: Clock) -> None:
        self.lease = Lease(api, PLACE, name, clock, lambda: datetime.fromtimestamp(clock(), UTC))
        self.told: list[str] = []
        self.election = Election(
            self.lease, lambda: self.told.append("gained"), lambda: self.told.append("lost"), clock
        )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def one(api: FakeApi, clock: Clock) -> Replica:
    return Replica(api, "one", clock)


@pytest.fixture
def two(api: FakeApi, clock: Clock) -> Replica:
    return Replica(api, "two", clock)


def record(api: FakeApi) -> dict[str, Any]:
    found: dict[str, Any] = api.objects[LEASES, *PLACE]["spec"]
    return found


def down(_: int, __: str) -> None:
    raise Transient("down")


def test_the_times_leave_room() -> None:
    """A leader tries several times before its deadline, and its passes have seconds to end before the lease does."""
    assert RETRY_SECONDS * 3 < RENEW_DEADLINE_SECONDS <= DURATION_SECONDS - 5
    assert DURATION_SECONDS + 2 * LOOK_SECONDS < 20


def test_the_first_one_leads_and_says_so_in_the_lease(api: FakeApi, one: Replica, two: Replica) -> None:
    one.election.once()
    two.election.once()
    assert (one.told, two.told) == (["gained"], [])
    assert (one.election.leads(), two.election.leads()) == (True, False)
    assert two.election.leader == "one"
    assert record(api) == {
        "holderIdentity": "one",
        "leaseDurationSeconds": 15,
        "acquireTime": "1970-01-01T00:16:40.000000Z",
        "renewTime": "1970-01-01T00:16:40.000000Z",
        "leaseTransitions": 1,
    }


def test_a_renewal_keeps_the_time_of_acquisition(api: FakeApi, one: Replica, clock: Clock) -> None:
    one.election.once()
    clock.now += 2
    one.election.once()
    assert record(api)["acquireTime"] < record(api)["renewTime"]
    assert record(api)["leaseTransitions"] == 1
    assert one.told == ["gained"]


def test_a_leader_that_renews_is_never_overtaken(one: Replica, two: Replica, clock: Clock) -> None:
    for _ in range(100):
        one.election.once()
        two.election.once()
        clock.now += 5
    assert (one.told, two.told) == (["gained"], [])


def test_a_dead_leader_s_lease_is_taken_after_its_end(api: FakeApi, one: Replica, two: Replica, clock: Clock) -> None:
    one.election.once()
    two.election.once()
    clock.now += DURATION_SECONDS
    two.election.once()
    assert two.told == [], "not a moment too early"
    clock.now += 0.1
    two.election.once()
    assert two.told == ["gained"]
    assert record(api)["leaseTransitions"] == 2


def test_clocks_of_others_do_not_count(api: FakeApi, two: Replica, clock: Clock) -> None:
    """What a record says of the time is ignored: an old one is waited for like a new one."""
    old = {"holderIdentity": "one", "leaseDurationSeconds": 15, "renewTime": "1990-01-01T00:00:00.000000Z"}
    api.create(LEASES, {"metadata": {"name": PLACE[1], "namespace": PLACE[0]}, "spec": old})
    two.election.once()
    clock.now += DURATION_SECONDS - 1
    two.election.once()
    assert two.told == []


def test_a_release_hands_over_at_once(one: Replica, two: Replica) -> None:
    one.election.once()
    two.election.once()
    one.lease.release()
    two.election.once()
    assert two.told == ["gained"]


def test_what_is_not_ours_is_not_released(api: FakeApi, one: Replica, two: Replica) -> None:
    one.election.once()
    two.election.once()
    two.lease.release()
    assert record(api)["holderIdentity"] == "one"


def test_a_release_that_fails_harms_nobody(api: FakeApi, one: Replica) -> None:
    one.election.once()
    api.before = down
    one.lease.release()
    assert record(api)["holderIdentity"] == "one"


def test_a_leader_without_an_api_server_gives_up_before_its_lease_ends(
    api: FakeApi, one: Replica, clock: Clock
) -> None:
    one.election.once()
    api.before = down
    clock.now += RENEW_DEADLINE_SECONDS - 0.1
    one.election.once()
    assert (one.election.leads(), one.told) == (True, ["gained"]), "an outage of seconds is sat out"
    clock.now += 0.2
    assert not one.election.leads(), "by the clock alone: its thread may hang in a request"
    one.election.once()
    assert one.told == ["gained", "lost"]
    api.before = lambda number, verb: None
    one.election.once()
    assert one.told == ["gained", "lost", "gained"]


def test_time_counts_from_before_a_slow_request(api: FakeApi, one: Replica, clock: Clock) -> None:
    def slow(_: int, __: str) -> None:
        clock.now += RENEW_DEADLINE_SECONDS / 2

    api.before = slow
    one.election.once()
    assert not one.election.leads()


def test_of_two_takers_one_wins(api: FakeApi, one: Replica, two: Replica, clock: Clock) -> None:
    one.election.once()
    clock.now += 1
    two.election.once()
    one.lease.release()

    def race(_: int, verb: str) -> None:
        if verb == "get":  # between two's look and its write
            api.after = lambda number, verb: None
            one.lease.hold()

    api.after = race
    two.election.once()
    assert two.told == []
    assert record(api)["holderIdentity"] == "one"


def test_a_lease_taken_by_force_ends_the_term(api: FakeApi, one: Replica) -> None:
    one.election.once()
    api.merge(LEASES, *PLACE, {"spec": {"holderIdentity": "someone"}})
    one.election.once()
    assert (one.told, one.election.leads()) == (["gained", "lost"], False)


def test_a_deleted_lease_is_made_again(api: FakeApi, one: Replica, clock: Clock) -> None:
    one.election.once()
    del api.objects[LEASES, *PLACE]
    clock.now += 2
    one.election.once()
    assert one.told == ["gained"]
    assert record(api)["holderIdentity"] == "one"


def test_a_bug_is_no_renewal(one: Replica, api: FakeApi, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    one.election.once()

    def broken(_: int, __: str) -> None:
        raise ZeroDivisionError

    api.before = broken
    clock.now += RENEW_DEADLINE_SECONDS
    one.election.once()
    assert one.told == ["gained", "lost"]
    assert "bug: asking for the lease failed" in caplog.text


def test_a_stop_releases(api: FakeApi, one: Replica) -> None:
    one.election.stop()
    one.election.run()
    assert one.told == []
    one.election.once()
    one.election.run()
    assert "holderIdentity" not in record(api)
    assert not one.election.leads()
    assert one.told == ["gained"], "who stops it ended the work before"


def test_who_cannot_begin_gives_the_lease_back_and_says_that_it_is_broken(api: FakeApi, two: Replica) -> None:
    def fail() -> None:
        raise RuntimeError("can't start new thread")

    lease = Lease(api, PLACE, "one")
    election = Election(lease, fail, lambda: None)
    assert not election.broken
    election.run()
    assert election.broken
    assert not election.leads()
    assert not record(api).get("holderIdentity")
    two.election.once()
    assert two.told == ["gained"]
