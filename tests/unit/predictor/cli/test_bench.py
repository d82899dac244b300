"""`gpux-predictor bench`: timing in rounds, and recommendations that noise cannot make."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import onnxmodels
from gpux_predictor.__main__ import main
from gpux_predictor.cli import rounds
from gpux_predictor.cli.recommending import Measured, Timed, recommend


def measured(threads: int, limit: int, noise: float = 0.01, **milliseconds: float) -> Measured:
    sizes = [Timed(int(rows.removeprefix("b")), ms / 1e3, noise) for rows, ms in milliseconds.items()]
    return Measured(threads, limit, sizes)


DEFAULT = measured(4, 8, b1=4.0, b8=8.0, b16=16.0)


def test_the_default_is_as_good_as_anything() -> None:
    found = recommend(DEFAULT, [measured(2, 8, b1=5.0, b8=10.0), measured(1, 8, b1=4.1, b8=8.1)])
    assert found.spec() == {}
    assert found.why == (
        "2 instead of 4 threads: a single sample 20% worse, the best rate 20% worse, noise 5%",
        "1 instead of 4 threads: a single sample 2% worse, the best rate 1% worse, noise 5%",
        "batches of 8, the limit found at warm-up, have the best rate",
    )


def test_fewer_threads() -> None:
    found = recommend(DEFAULT, [measured(2, 8, b1=3.0, b8=6.0), measured(1, 8, b1=4.0, b8=5.0)])
    assert found.spec() == {"spec": {"runtime": {"threads": 1}}}, "the best rate of those that are not worse"


def test_nothing_is_traded_for_something_else() -> None:
    assert recommend(DEFAULT, [measured(1, 8, b1=8.0, b8=4.0)]).threads is None
    assert recommend(DEFAULT, [measured(1, 8, b1=2.0, b8=12.0)]).threads is None


def test_a_larger_batch() -> None:
    found = recommend(measured(2, 8, b1=4.0, b8=8.0, b16=10.0), [])
    assert found.spec() == {"spec": {"runtime": {"batching": {"maxSize": 16}}}}
    assert found.why == ("batches of 16 instead of 8: the rate 60% better, noise 5%",)


def test_noise_recommends_nothing() -> None:
    assert recommend(measured(2, 8, 0.7, b1=4.0, b8=8.0, b16=10.0), []).spec() == {}
    assert recommend(DEFAULT, [measured(1, 8, 0.9, b1=3.0, b8=5.0)]).spec() == {}


def test_a_model_that_is_not_the_bottleneck() -> None:
    found = recommend(measured(2, 8, b1=0.004, b8=0.008, b16=0.010), [])
    assert found.spec() == {}
    assert found.why[0].endswith("but one takes 0.008 ms, so that the model is not what limits a server")


def test_a_model_that_does_not_batch() -> None:
    assert recommend(measured(2, 1, b1=4.0), []).why == (
        "the model runs one sample at a time: nothing to choose for batching.maxSize",
    )


def clocked(seconds: Callable[[], float]) -> tuple[Callable[[], None], Callable[[], float]]:
    now = [0.0]

    def run() -> None:
        now[0] += seconds()

    return run, lambda: now[0]


def test_rounds_take_the_fastest_run_and_the_median_round() -> None:
    spikes = itertools.cycle([0.02, 0.5, 0.02])
    for seconds in (lambda: 0.02, lambda: next(spikes)):
        run, clock = clocked(seconds)
        found = rounds.measure({"a": run}, clock=clock)["a"]
        assert found.seconds == pytest.approx(0.02)
        assert found.noise == pytest.approx(0.0)


def test_a_machine_that_is_busy_for_some_rounds_is_noise() -> None:
    calls = itertools.count()
    busy, clock = clocked(lambda: 0.02 if next(calls) % 24 < 12 else 0.04)
    found = rounds.measure({"a": busy}, rounds=8, clock=clock)["a"]
    assert found.noise > 0.3


def test_a_real_model(tmp_path: Path) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    path = tmp_path / "model.yaml"
    spec = {"model": {"source": {"uri": "file://."}}, "runtime": {"threads": 1, "batching": {"maxSize": 4}}}
    path.write_text(
        yaml.safe_dump({"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "m"}, "spec": spec})
    )
    done = CliRunner().invoke(main, ["bench", str(path), "-o", "json"])
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    curve = found["measured"][0]["curve"]
    assert [point["batch"] for point in curve][:3] == [1, 2, 4]
    assert all(point["milliseconds"] > 0 and point["per_second"] > 0 for point in curve)
    assert found["measured"][0]["max_size"] > 4, "the defaults are measured, whatever the manifest says"
    assert found["recommended"].get("spec", {}).get("runtime", {}).get("batching") is None, "copying is no bottleneck"


def test_a_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.yaml"
    path.write_text(
        "apiVersion: gpux.io/v1alpha1\nkind: GpuxModel\nmetadata: {name: m}\nspec: {model: {source: {uri: 'file://none'}}}\n"
    )
    done = CliRunner().invoke(main, ["bench", str(path)])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("gpux-predictor: ModelFileNotFound: ")
