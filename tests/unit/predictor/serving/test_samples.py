"""Golden samples: the first difference is named with its place, and a wrong model does not become ready."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import onnxmodels
from gpux_predictor.errors import LoadReason
from gpux_predictor.serving.samples import difference
from gpux_predictor.serving.service import ModelService

MakeService = Callable[..., ModelService]


@pytest.mark.parametrize(
    ("expected", "found", "problem"),
    [
        ({"y": [1.0, 2.0]}, {"y": [1.0, 2.0005], "z": 3}, None),
        ({"y": [1.0, 2.0]}, {"y": [1.0, 2.002]}, "response.y[1]: expected 2.0 ± 0.001, got 2.002"),
        ({"y": [[1], [2]]}, {"y": [[1], [3]]}, "response.y[1][0]: expected 2 ± 0.001, got 3"),
        ({"y": [1]}, {"y": [1, 2]}, "response.y: expected 1 items, got 2"),
        ({"y": 1, "z": 1}, {"y": 1}, "response.z is missing: the answer has y"),
        ({"y": "cat"}, {"y": "dog"}, 'response.y: expected "cat", got "dog"'),
        ({"y": 1}, {"y": "1"}, 'response.y: expected 1, got "1"'),
        ({"y": 1}, {"y": None}, "response.y: expected 1, got null"),
        ({"y": None}, {"y": None}, None),
        ({"y": True}, {"y": True}, None),
        ({"y": {"a": 1}}, {"y": [1]}, 'response.y: expected {"a":1}, got [1]'),
    ],
)
def test_the_first_difference(expected: Any, found: Any, problem: str | None) -> None:
    assert difference(expected, found, 1e-3, "response") == problem


@pytest.mark.parametrize(
    ("sample", "problem"),
    [
        ({"request": {"x": [1, 2]}, "response": {"y": [1, 2]}}, None),
        (
            {"request": {"x": [1, 2]}, "response": {"y": [1, 5]}},
            "spec.samples[1]: response.y[1]: expected 5 ± 0.001, got 2.0",
        ),
        ({"request": {"x": [1, 2]}, "response": {"y": [1, 5]}, "tolerance": 3}, None),
    ],
)
def test_a_sample_holds_a_model_back(
    sample: dict[str, Any], problem: str | None, tmp_path: Path, make_service: MakeService
) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    right = {"request": {"x": [[3, 4]]}, "response": {"y": [[3, 4]]}}
    health = make_service(samples=[right, sample]).health
    assert (health.reason, health.detail) == (
        (LoadReason.SAMPLE_FAILED, problem) if problem else ("Ready", "the model serves")
    )


def test_a_sample_that_runs_for_ever(tmp_path: Path, make_service: MakeService) -> None:
    """The start hung on it, as long as the graph took."""
    onnxmodels.slow(tmp_path / "model.onnx", 10**9)
    sample = {"request": {"x": [1, 2]}, "response": {"y": [1, 2]}}
    health = make_service(samples=[sample], runtime={"timeoutSeconds": 1}).health
    assert health.reason == LoadReason.SAMPLE_FAILED
    assert health.detail == "spec.samples[0]: its run took longer than runtime.timeoutSeconds, which would be a 504"
