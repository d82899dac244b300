"""Whether a server's answers are onnxruntime's, before it is timed."""

from collections.abc import Mapping

import httpx
import numpy as np

from .cases import Case
from .dialects import Dialect
from .models import Model, answers
from .servers import Running

TOLERANCE = 1e-4
SECONDS = 60.0


def answers_differ(found: np.ndarray, expected: np.ndarray, tolerance: float = TOLERANCE) -> str | None:
    """How an answer differs from the expected one; None if it does not."""
    if found.shape != expected.shape:
        return f"shape {list(found.shape)} instead of {list(expected.shape)}"
    difference = float(np.max(np.abs(found.astype(np.float64) - expected)))
    if not difference <= tolerance * max(1.0, float(np.max(np.abs(expected)))):  # also if it is NaN
        return f"off by {difference:.2g}"
    return None


def answer(dialect: Dialect, status: int, body: bytes, headers: Mapping[str, str], expected: np.ndarray) -> str | None:
    """What is wrong with an answer; None if nothing is."""
    if status != 200:
        return f"{status}: {body[:200].decode(errors='replace')}"
    try:
        found = dialect.decode(body, headers)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return f"unreadable ({type(error).__name__}: {error}): {body[:200]!r}"
    return answers_differ(found, expected)


def answers_of(server: Running, model: Model, case: Case, dialect: Dialect) -> str | None:
    """What is wrong with the first answer that is; None if all samples of a case are answered right, one after the other."""
    expected = answers(model, case.references(model))
    with httpx.Client(base_url=server.url, timeout=SECONDS, trust_env=False) as client:
        for request, wanted in zip(case.requests(model, dialect), expected, strict=True):
            try:
                got = client.post(request.path, content=request.content, headers=request.headers)
            except httpx.HTTPError as error:
                return f"{type(error).__name__}: {error}"
            if problem := answer(dialect, got.status_code, got.content, got.headers, wanted):
                return problem
    return None
