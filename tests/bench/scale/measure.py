"""What is measured, in the order of a run."""

import time
from datetime import datetime
from typing import Any

from testcluster.controlplane import ControlPlane

from .cluster import USER, Name, Operator, apply, names

WRITES = r'gpux_operator_api_requests_total\{.*verb="(apply|create|patch|delete)"'
READS = r'gpux_operator_api_requests_total\{.*verb="(get|list)"'
PASSES = "gpux_operator_reconcile_total"
MODELS = r"gpux_operator_models\{"
"""Models by the end of their last pass, which follows the write of their status."""
DEPTH = "gpux_operator_queue_depth"
QUIET_SECONDS = 3.0
LIMIT_SECONDS = 300.0
Figures = dict[str, Any]


def converge(plane: ControlPlane, operator: Operator, count: int) -> Figures:
    """From the start of a process to the last status of as many models as were there before it."""
    started = time.monotonic()
    first = None
    while operator.total(MODELS) < count:  # second looks at some come before the last of all has its first
        if first is None and operator.total(PASSES) > 0:
            first = time.monotonic()
        _in_time(started, "the models converge")
        time.sleep(0.1)
    taken = time.monotonic() - started
    missing = _unfinished(plane)
    if missing:
        raise RuntimeError(f"{len(missing)} models are not done, {missing[0]} for one; the operator's log says why")
    settle(operator)
    return {
        "models": count,
        "seconds": taken,
        "first_pass_seconds": (first or started) - started,
        "models_per_second": count / taken,
        "writes_per_model": operator.total(WRITES) / count,
        "reads_per_model": operator.total(READS) / count,
        "passes_per_model": operator.total(PASSES) / count,
        "cpu_seconds": operator.cpu_seconds(),
    }


def resync(operator: Operator, count: int) -> Figures:
    """A look at every model that has nothing to do."""
    passes, writes, reads = operator.total(PASSES), operator.total(WRITES), operator.total(READS)
    started = time.monotonic()
    while operator.total(PASSES) < passes + count or operator.total(DEPTH) > 0:
        _in_time(started, "a resync comes")
        time.sleep(0.2)
    settle(operator)
    return {
        "writes": operator.total(WRITES) - writes,
        "reads_per_pass": (operator.total(READS) - reads) / (operator.total(PASSES) - passes),
    }


def changes(plane: ControlPlane, seconds: float, per_second: float) -> Figures:
    """From the API server's answer to a user's change to its answer to the operator's, both by the audit log."""
    chosen = names(round(seconds * per_second))
    started = time.monotonic()
    for number, name in enumerate(chosen):
        time.sleep(max(started + number / per_second - time.monotonic(), 0))
        apply(plane.api, [name], replicas=2)
    taken = time.monotonic() - started
    time.sleep(5)
    delays = sorted(_delays(plane, chosen))
    return {
        "changes": len(chosen),
        "per_second": len(chosen) / taken,
        "acted_on": len(delays),
        "p50_ms": 1000 * delays[len(delays) // 2],
        "p99_ms": 1000 * delays[min(int(len(delays) * 0.99), len(delays) - 1)],
        "max_ms": 1000 * delays[-1],
    }


def settle(operator: Operator) -> None:
    """Until the operator has had nothing to do for a while."""
    started = last = time.monotonic()
    passes = operator.total(PASSES)
    while time.monotonic() - last < QUIET_SECONDS:
        _in_time(started, "the operator has nothing to do any more")
        time.sleep(0.2)
        now = operator.total(PASSES)
        if now != passes or operator.total(DEPTH) > 0:
            passes, last = now, time.monotonic()


def _delays(plane: ControlPlane, chosen: list[Name]) -> list[float]:
    asked: dict[Name, datetime] = {}
    done: dict[Name, datetime] = {}
    wanted = set(chosen)
    for event in plane.writes():
        target = event["objectRef"]
        name = Name(target.get("namespace", ""), target.get("name", ""))
        at = datetime.fromisoformat(event["stageTimestamp"])
        if name not in wanted or event["verb"] != "patch":
            continue
        if target["resource"] == "gpuxmodels" and event["user"]["username"] != USER:
            asked[name] = at
            done.pop(name, None)
        elif target["resource"] == "inferenceservices" and name in asked:
            done.setdefault(name, at)
    return [(at - asked[name]).total_seconds() for name, at in done.items()]


def _unfinished(plane: ControlPlane) -> list[str]:
    models = plane.api.list("gpux.io/v1alpha1", "GpuxModel")
    services = plane.api.list("serving.kserve.io/v1beta1", "InferenceService")
    have = {(item["metadata"]["namespace"], item["metadata"]["name"]) for item in services}
    return [
        item["metadata"]["name"]
        for item in models
        if (item["metadata"]["namespace"], item["metadata"]["name"]) not in have
        or item.get("status", {}).get("observedGeneration") != item["metadata"]["generation"]
    ]


def _in_time(started: float, what: str) -> None:
    if time.monotonic() - started > LIMIT_SECONDS:
        raise RuntimeError(f"not within {LIMIT_SECONDS:g} s: {what}; see operator.log in the run's folder")
