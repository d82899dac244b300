"""Repairs of what somebody else insists on."""

from datetime import UTC, datetime, timedelta
from typing import Any

from gpux_operator.engine.queue import Key
from gpux_operator.engine.repairs import Repairs, Turn

START = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("ns", "m")


def child(value: int) -> dict[str, Any]:
    entries = [
        {"manager": "gpux-operator", "time": "2026-01-01T00:00:09Z"},
        {"manager": "user", "time": "2026-01-01T00:00:01Z"},
        {"manager": "rival", "time": "2026-01-01T00:00:02Z"},
        {"manager": "kserve", "time": "2026-01-01T00:00:08Z", "subresource": "status"},
    ]
    return {"kind": "InferenceService", "metadata": {"name": "m", "managedFields": entries}, "spec": value}


def repaired(repairs: Repairs, seconds: int, value: int = 1) -> list[int]:
    """The seconds at which something is written if the other one always writes at once."""
    turns = [(second, Turn(repairs, KEY, START + timedelta(seconds=second))) for second in range(seconds)]
    return [second for second, turn in turns for _ in range(5) if written(turn, value)]


def written(turn: Turn, value: int) -> bool:
    """Whether it may be, and then was."""
    may = turn.may(child(9), child(value))
    if may:
        turn.done(child(9), child(value))
    return may


def test_it_gets_slower_down_to_once_a_minute() -> None:
    repairs = Repairs()
    assert repaired(repairs, 400) == [0, 0, 0, 0, 2, 6, 14, 30, 62, 122, 182, 242, 302, 362]
    told = Turn(repairs, KEY, START + timedelta(seconds=400)).contested()
    assert told is not None
    assert told[0] == "rival keeps changing InferenceService m"
    assert 20 < told[1] < 23


def test_another_intent_does_not_wait() -> None:
    repairs = Repairs()
    repaired(repairs, 100)
    turn = Turn(repairs, KEY, START + timedelta(seconds=100))
    assert not turn.may(child(9), child(1))
    assert written(turn, 2)
    assert turn.contested() is None


def test_it_is_over_when_it_has_been_quiet() -> None:
    repairs = Repairs()
    assert repaired(repairs, 3)[-1] == 2
    later = [Turn(repairs, KEY, START + timedelta(seconds=second)) for second in (21, 23)]
    assert [turn.contested() is not None for turn in later] == [True, False]
    assert all(written(later[1], 1) for _ in range(4)), "the first are free again"
    repairs.forget(KEY)
    assert len(repairs) == 0


def test_what_the_api_server_refuses_is_no_repair() -> None:
    """A webhook that is away for a while: the change is tried again at once when it is back."""
    turn = Turn(Repairs(), KEY, START)
    assert all(turn.may(child(9), child(1)) for _ in range(50))
    assert turn.contested() is None


def test_a_repair_that_has_to_wait_is_told_and_made() -> None:
    """Also if the rival writes no more, and nothing else wakes the model up."""
    repairs = Repairs()
    turn = Turn(repairs, KEY, START)
    assert all(written(turn, 1) for _ in range(4))
    assert turn.contested() is None
    assert not written(turn, 1)
    told = turn.contested()
    assert told is not None
    assert told[0] == "rival keeps changing InferenceService m"
    again = Turn(repairs, KEY, START + timedelta(seconds=told[1]))
    assert written(again, 1)
