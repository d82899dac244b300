"""Each alert on made-up series, evaluated by Prometheus' own engine: when it fires, for whom, and when it does not."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from testcluster.chart import CHART

RULES = CHART / "files" / "rules.yaml"
ALERTS = {rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
M = 'namespace="n",gpux_io_model="m"'
MODEL = {"namespace": "n", "gpux_io_model": "m"}
OPERATOR = {"namespace": "gpux-system"}
O = 'namespace="gpux-system"'  # noqa: E741


@dataclass(frozen=True)
class Case:
    """Series with a sample a minute (`0+60x90` counts 60 a minute for 90 minutes), and what fires at their end."""

    alert: str
    series: tuple[str, ...]
    fires: tuple[dict[str, str], ...] = ()
    minutes: int = 90

    def __str__(self) -> str:
        return f"{self.alert}-{'fires' if self.fires else 'silent'}"


def answers(ok: str, failed: str) -> tuple[str, ...]:
    return (
        f'prediction_responses_total{{{M},code="200"}} {ok}',
        f'prediction_responses_total{{{M},code="500"}} {failed}',
    )


def waits(within_half_a_second: int, within_two: int) -> tuple[str, ...]:
    counts = {"0.5": within_half_a_second, "2": within_two, "+Inf": within_two}
    bucket = "prediction_stage_seconds_bucket"
    return tuple(f'{bucket}{{{M},stage="queue",le="{le}"}} 0+{count}x90' for le, count in counts.items())


def ended(success: str, failure: str) -> tuple[str, ...]:
    name = "prediction_tasks_ended_total"
    return (f'{name}{{{M},status="success"}} {success}', f'{name}{{{M},status="failure"}} {failure}')


def leaders(*series: str) -> tuple[str, ...]:
    return tuple(f'gpux_operator_leader{{{O},pod="{pod}"}} {values}' for pod, values in enumerate(series))


def rejected(a_minute: int) -> tuple[str, ...]:
    sync = f'prediction_requests_total{{{M},source="sync"}} 0+100x90'
    return (sync, f"prediction_rejections_total{{{M}}} 0+{a_minute}x90")


def passes(good: int, bad: int) -> tuple[str, ...]:
    name = "gpux_operator_reconcile_total"
    return (f'{name}{{{O},result="ready"}} 0+{good}x90', f'{name}{{{O},result="bug"}} 0+{bad}x90')


def unready(reason: str, seconds: int) -> str:
    return f'gpux_operator_models_unready_seconds{{{O},reason="{reason}"}} {seconds}x90'


def results(*ages: str) -> tuple[str, ...]:
    return tuple(f'prediction_batch_result_age_seconds{{{M},pod="{pod}"}} {values}' for pod, values in enumerate(ages))


def no_result(seconds_up: int) -> tuple[str, ...]:
    """A server without a batch result, up for that long at the end; the made-up time ends at 90 minutes."""
    started = f'process_start_time_seconds{{{M},pod="0"}} {90 * 60 - seconds_up}x90'
    return (*results(" ".join(["NaN"] * 91)), started)


CASES = [
    Case("GpuxModelErrorBudgetFast", answers("0+98x90", "0+2x90"), (MODEL,)),
    Case("GpuxModelErrorBudgetFast", answers("0+99x90", "0+1x90")),
    Case("GpuxModelErrorBudgetFast", answers("0+98x90", "0+2x60 120x30")),  # it is over
    Case("GpuxModelErrorBudgetFast", answers("0+98x90", "0x80 0+8x9")),  # it has only begun: 8 % of now, 1 % of the hour
    Case("GpuxModelErrorBudgetFast", answers("0x90", "0x90")),
    Case("GpuxModelErrorBudgetSlow", answers("0+99x420", "0+1x420"), (MODEL,), 420),
    Case("GpuxModelErrorBudgetSlow", answers("0+998x420", "0+2x420"), (), 420),
    Case("GpuxModelRejecting", rejected(10), (MODEL,)),
    Case("GpuxModelRejecting", rejected(4)),
    Case("GpuxModelRejecting", rejected(10), (), 9),  # not for ten minutes yet
    Case("GpuxModelQueueing", waits(80, 100), (MODEL,)),
    Case("GpuxModelQueueing", waits(99, 100)),
    Case("GpuxTasksWaiting", (f"prediction_tasks_oldest_seconds{{{M}}} 1000x90",), (MODEL,)),
    Case("GpuxTasksWaiting", (f"prediction_tasks_oldest_seconds{{{M}}} 800x90",)),
    Case("GpuxTasksFailing", ended("0+90x90", "0+10x90"), (MODEL,)),
    Case("GpuxTasksFailing", ended("0+99x90", "0+1x90")),
    Case("GpuxTasksFailing", ended("7x90", "7x90")),  # no task ended lately
    Case("GpuxCallbacksFailing", (f'prediction_callbacks_total{{{M},outcome="failed"}} 0x85 1x5',), (MODEL,)),
    Case("GpuxCallbacksFailing", (f'prediction_callbacks_total{{{M},outcome="failed"}} 1x90',)),
    Case("GpuxBatchStale", results("172000+60x90"), (MODEL,)),
    Case("GpuxBatchStale", results("100+60x90", "172000+60x90"), (MODEL,)),  # one replica does not see the new one
    Case("GpuxBatchStale", results("100+60x90", "80000+60x90")),
    Case("GpuxBatchStale", results("172000+60x88 5 65")),  # a new one
    Case("GpuxBatchStale", results("167580+60x90")),  # for three minutes so far
    Case("GpuxBatchStale", no_result(180_000), (MODEL,)),
    Case("GpuxBatchStale", no_result(90_000)),
    Case("GpuxBatchStale", (*no_result(180_000), *results("", "100+60x90")[1:]), (MODEL,)),  # it alone sees none
    Case("GpuxBatchStale", (f"process_start_time_seconds{{{M}}} -999999x90",)),  # a model without a batch
    Case("GpuxModelNotReady", (unready("Unschedulable", 700),), ({**OPERATOR, "reason": "Unschedulable"},)),
    Case("GpuxModelNotReady", (unready("Unschedulable", 500),)),
    Case("GpuxOperatorWithoutLeader", leaders("1x90", "0x90")),
    Case("GpuxOperatorWithoutLeader", leaders("1x80 0x10", "0x90"), (OPERATOR,)),
    Case("GpuxOperatorWithoutLeader", leaders("1x90", "0x80 1x10"), (OPERATOR,)),
    Case("GpuxOperatorWithoutLeader", leaders("1x89 0x1", "0x90")),  # the other takes over
    Case("GpuxOperatorWithoutLeader", ("up 1x90",), ({},)),
    Case("GpuxOperatorErrors", passes(80, 20), (OPERATOR,)),
    Case("GpuxOperatorErrors", passes(95, 5)),
    Case("GpuxOperatorBehind", (f"gpux_operator_queue_depth{{{O}}} 60x90",), (OPERATOR,)),
    Case("GpuxOperatorBehind", (f"gpux_operator_queue_depth{{{O}}} 60x80 0x10",)),
]  # fmt: skip


def evaluate(program: Path, case: Case) -> list[list[dict[str, Any]]]:
    """The alert's expression at each minute of its `for` before the end, and at the end."""
    held = int(ALERTS[case.alert].get("for", "0m").removesuffix("m"))
    seconds = [60 * minute for minute in range(case.minutes - held, case.minutes + 1)]
    given = {
        "load": "load 1m\n" + "".join(f"  {line}\n" for line in case.series),
        "expr": ALERTS[case.alert]["expr"],
        "seconds": seconds,
    }
    done = subprocess.run([program], input=json.dumps(given), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[list[dict[str, Any]]] = json.loads(done.stdout)
    assert len(found) == len(seconds)
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_alerts_fire_when_they_should(case: Case, built_tools: dict[str, Path]) -> None:
    held = [
        {tuple(sorted(item["labels"].items())) for item in vector} for vector in evaluate(built_tools["promeval"], case)
    ]
    assert set.intersection(*held) == {tuple(sorted(labels.items())) for labels in case.fires}


def test_every_alert_has_been_seen_to_fire_and_not_to_fire() -> None:
    assert (
        {case.alert for case in CASES if case.fires} == {case.alert for case in CASES if not case.fires} == set(ALERTS)
    )


def test_prometheus_loads_the_file_and_would_refuse_a_wrong_one(built_tools: dict[str, Path], tmp_path: Path) -> None:
    """Its fields, durations, expressions and the templates of its annotations."""
    assert subprocess.run([built_tools["promeval"], RULES], check=False).returncode == 0
    text = RULES.read_text()
    for right, wrong in {
        "for: 10m": "for: 10",
        "alert: GpuxT": "alrt: GpuxT",
        "humanizeDuration": "humanise",
        "rate(": "rat(",
    }.items():
        assert right in text
        file = tmp_path / "rules.yaml"
        file.write_text(text.replace(right, wrong, 1))
        assert subprocess.run([built_tools["promeval"], file], check=False, capture_output=True).returncode == 1, wrong
