"""Samples that are no requests, and requests larger than a batch, through the whole service."""

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from onnx import helper

import onnxmodels
from gpux_predictor.errors import LoadReason
from gpux_predictor.serving.at_once import nothing


def test_a_sample_that_is_no_request_is_a_failed_sample(tmp_path: Path, make_service: Any) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    health = make_service(samples=[{"request": {"z": [1, 2]}, "response": {"y": [1, 2]}}]).health
    assert (health.reason, health.detail) == (LoadReason.SAMPLE_FAILED, "spec.samples[0]: Missing required input: 'x'")


def test_a_sample_without_an_optional_input(tmp_path: Path, make_service: Any) -> None:
    x, y = (onnxmodels.tensor(n, "float32", ["n", 2]) for n in ("x", "y"))
    b = onnxmodels.tensor("b", "float32", ["n", 2])
    onnxmodels.save(
        tmp_path / "model.onnx",
        [helper.make_node("Add", ["x", "b"], ["y"])],
        [x, b],
        [y],
        {"b": np.ones((1, 2), np.float32)},
    )
    health = make_service(
        inputs=[{"name": "x"}, {"name": "b", "required": False}],
        samples=[{"request": {"x": [1, 2]}, "response": {"y": [2, 3]}}],
    ).health
    assert health.ready, health.detail


def test_a_large_request_on_an_idle_server_is_not_refused_for_its_own_pieces(tmp_path: Path, make_service: Any) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    service = make_service(runtime={"queue": {"maxRequests": 2}, "batching": {"maxSize": 4, "maxDelayMilliseconds": 1}})
    answer = asyncio.run(service.predict(orjson.dumps({"x": [[1, 2]] * 40})))
    assert len(orjson.loads(answer.content)["y"]) == 40


def test_nothing_is_parsed_in_vain(tmp_path: Path, make_service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where runs have to queue, and of a large body, a parse on the event loop came before that of the ordinary way."""
    onnxmodels.identity(tmp_path / "model.onnx")
    assert make_service(runtime={"batching": {"maxDelayMilliseconds": 1}}).at_once is nothing
    quick = make_service()
    assert quick.at_once(b'{"x": [[1, 2]]}') is not None
    large = orjson.dumps({"x": [[1, 2]] * 5000})
    parsed: list[bytes] = []
    monkeypatch.setattr(orjson, "loads", parsed.append)
    assert quick.at_once(large) is None
    assert not parsed
