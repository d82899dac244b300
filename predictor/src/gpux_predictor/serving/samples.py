"""The manifest's samples: requests whose answers are known, run before the model takes traffic."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from gpux_api.v1alpha1.processing import SampleSpec
from gpux_predictor.engine.trial_run import TookTooLong
from gpux_predictor.errors import LoadError, LoadReason, RequestError


def check(samples: Sequence[SampleSpec], predict: Callable[[bytes], bytes], tell: Callable[[int, int], None]) -> None:
    """Runs each sample and compares its answer.

    Args:
        samples: of the manifest.
        predict: a body of /predict to its answer.
        tell: hears which sample of how many is run.

    Raises:
        LoadError: SampleFailed, with what was expected and what was found.
    """
    for number, sample in enumerate(samples, 1):
        tell(number, len(samples))
        _, problem = answer(sample, predict)
        if problem is not None:
            raise failed(number - 1, problem)


def failed(place: int, problem: str) -> LoadError:
    """SampleFailed, of the sample at that place."""
    return LoadError(LoadReason.SAMPLE_FAILED, f"spec.samples[{place}]: {problem}")


def answer(sample: SampleSpec, predict: Callable[[bytes], bytes]) -> tuple[Any, str | None]:
    """A sample's answer, None if there is none, and what is wrong with it, None if it is as expected."""
    try:
        found = orjson.loads(predict(orjson.dumps(sample.request)))
    except TookTooLong:
        return None, "its run took longer than runtime.timeoutSeconds, which would be a 504"
    except RequestError as error:
        return None, error.detail
    return found, difference(sample.response, found, sample.tolerance, "response")


def difference(expected: Any, found: Any, tolerance: float, where: str) -> str | None:  # noqa: ANN401
    """The first place at which two JSON values differ; None if they agree.

    Args:
        expected: keys that it does not have are not compared.
        found: the answer.
        tolerance: the absolute difference allowed in a number.
        where: the place, for the message.
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        if missing := [key for key in expected if key not in found]:
            return f"{where}.{missing[0]} is missing: the answer has {', '.join(found)}"
        parts = [(value, found[key], f"{where}.{key}") for key, value in expected.items()]
        return _first(parts, tolerance)
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return f"{where}: expected {len(expected)} items, got {len(found)}"
        return _first([(value, found[i], f"{where}[{i}]") for i, value in enumerate(expected)], tolerance)
    if _is_number(expected) and _is_number(found):
        near = math.isclose(expected, found, rel_tol=0, abs_tol=tolerance)
        return None if near else f"{where}: expected {expected} ± {tolerance}, got {found}"
    return None if expected == found else f"{where}: expected {_short(expected)}, got {_short(found)}"


def _first(parts: Sequence[tuple[Any, Any, str]], tolerance: float) -> str | None:
    problems = (difference(expected, found, tolerance, where) for expected, found, where in parts)
    return next((problem for problem in problems if problem), None)


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _short(value: Any) -> str:  # noqa: ANN401
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."
