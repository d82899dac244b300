"""Statuses under a CRD that is older than the operator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gpux_operator.engine.statuses import AGAIN, Statuses
from gpux_operator.kube.api import GPUX_MODELS, Resource
from gpux_operator.kube.errors import Rejected

Manifest = dict[str, Any]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STATUS: Manifest = {"batch": {"running": True}, "model": {"sha256": "00", "newer": 1}, "url": "http://m"}


class Server:
    """Knows a status without some fields, and refuses as a real one does."""

    def __init__(self, *unknown: str) -> None:
        self.unknown = unknown
        self.asked: list[Manifest] = []

    def apply_status(self, resource: Resource, desired: Manifest) -> Manifest:
        assert resource is GPUX_MODELS
        self.asked.append(desired["status"])
        named = [path for path in self.unknown if _has(desired["status"], path.split("."))]
        if named:
            lines = "\n".join(f"  .status.{path}: field not declared in schema" for path in named)
            raise Rejected(
                f"failed to create typed patch object (n/m; gpux.io/v1alpha1, Kind=GpuxModel): errors:\n{lines}"
            )
        return desired


def _has(status: Manifest, path: list[str]) -> bool:
    first, *more = path
    return first in status and (not more or _has(status[first], more))


class Time:
    now = NOW

    def __call__(self) -> datetime:
        return self.now


def statuses(server: Server, time: Time) -> Statuses:
    return Statuses(server, time)  # type: ignore[arg-type]


def test_what_the_crd_does_not_know_is_left_out_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    server, time = Server("batch", "model.newer"), Time()
    writer = statuses(server, time)
    assert writer.known(STATUS) == STATUS
    less = {"model": {"sha256": "00"}, "url": "http://m"}
    for _ in range(2):
        assert writer.write({"status": STATUS})["status"] == less
    assert writer.known(STATUS) == less
    assert writer.known({"url": "http://m"}) == {"url": "http://m"}
    assert [record.args for record in caplog.records] == [("batch",), ("model.newer",)]


def test_it_is_tried_again_later() -> None:
    server, time = Server("batch"), Time()
    writer = statuses(server, time)
    writer.write({"status": STATUS})
    server.unknown = ()
    time.now = NOW + AGAIN - timedelta(seconds=1)
    assert "batch" not in writer.known(STATUS)
    time.now = NOW + AGAIN
    assert writer.write({"status": writer.known(STATUS)})["status"] == STATUS


@pytest.mark.parametrize(
    "words", ["spec: too long", '.status.conditions[type="Ready"].x: field not declared in schema']
)
def test_any_other_refusal_is_one(words: str) -> None:
    class Refusing(Server):
        def apply_status(self, resource: Resource, desired: Manifest) -> Manifest:
            raise Rejected(words)

    with pytest.raises(Rejected, match="too long|not declared"):
        statuses(Refusing(), Time()).write({"status": STATUS})
