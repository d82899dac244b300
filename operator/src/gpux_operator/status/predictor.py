"""What a predictor says of itself by `/health`, `/info` and `/openapi.json` (docs/http.md), read with distrust.

A pod may run another image than ours, or an older one, so whatever does not have the expected form says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gpux_api.v1alpha1 import ModelStatus
from gpux_operator.status.reasons import OF_THE_PREDICTOR, Reason

Json = Mapping[str, Any]
_PHASES = frozenset({"Starting", "Downloading", "Loading", "WarmingUp", "CheckingSamples"})
_FAILURES = {str(reason): reason for reason in OF_THE_PREDICTOR}
_MAX_DETAIL = 1500


@dataclass(frozen=True)
class Health:
    """Why a predictor is not ready.

    Args:
        reason: one of `OF_THE_PREDICTOR`; ModelLoading; PodsNotReady for a word that is not known here.
        words: its own detail, after its own word where `reason` is another one.
    """

    reason: Reason
    words: str


@dataclass(frozen=True)
class Described:
    """The model that a predictor serves, and a request that it answers (None: too large to be shown)."""

    model: ModelStatus
    example: Json | None = None


def health(answer: Json | None) -> Health | None:
    """The body of /health; None if it is none of ours."""
    if answer is None:
        return None
    if answer.get("status") == "healthy":
        return Health(Reason.MODEL_LOADING, "its predictor is, and the kubelet has not probed it since")
    reason, detail = answer.get("reason"), answer.get("detail")
    if not isinstance(reason, str) or not isinstance(detail, str):
        return None
    detail = detail.strip() if len(detail) <= _MAX_DETAIL else f"{detail[: _MAX_DETAIL - 1]}…"
    if reason in _FAILURES:
        return Health(_FAILURES[reason], detail)
    return Health(Reason.MODEL_LOADING if reason in _PHASES else Reason.PODS_NOT_READY, f"{reason[:64]}: {detail}")


def described(info: Json | None, openapi: Json | None) -> Described | None:
    """The bodies of /info and /openapi.json; None if the model is not loaded."""
    if info is None or not isinstance(info.get("sha256"), str):
        return None
    found = {name: info.get(name) for name in ("sha256", "provider")}
    found |= {name: _tensors(info.get(name)) for name in ("inputs", "outputs")}
    try:
        model = ModelStatus.model_validate(found | {"batchCurve": _curve(info)})
    except ValidationError:
        return None
    return Described(model, _example(openapi))


def _tensors(items: object) -> list[Json] | None:
    """The tensors by name, type and shape; what else /info says of them is in the manifest."""
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        return None
    return [{name: item.get(name) for name in ("name", "type", "shape")} for item in items]


def _curve(info: Json) -> dict[str, float] | None:
    """Milliseconds of a run by its batch size; None where requests do not share runs."""
    batching = info.get("batching")
    points = batching.get("curve") if isinstance(batching, Mapping) else None
    if not isinstance(points, list):
        return None
    found = [(item.get("batch"), item.get("milliseconds")) for item in points if isinstance(item, Mapping)]
    return {str(size): cost for size, cost in found if isinstance(cost, int | float)} or None


def _example(openapi: Json | None) -> Json | None:
    """The example body of POST /predict."""
    value: Any = openapi
    for name in ("paths", "/predict", "post", "requestBody", "content", "application/json", "example"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else None
