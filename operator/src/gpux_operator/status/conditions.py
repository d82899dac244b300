"""Conditions as the Kubernetes API conventions want them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gpux_api.v1alpha1 import Condition
from gpux_operator.build.metadata import Manifest
from gpux_operator.status.reasons import Reason

MAX_MESSAGE = 2048


@dataclass(frozen=True)
class Verdict:
    """What is said of one aspect now: whether it holds, and why."""

    status: Literal["True", "False", "Unknown"]
    reason: Reason
    message: str


def conditions(
    previous: Sequence[Manifest], verdicts: Mapping[str, Verdict], generation: int, now: datetime
) -> list[Condition]:
    """The new conditions; `lastTransitionTime` stays while `status` stays.

    Args:
        previous: the conditions that are stored, as they are.
        verdicts: what is said now, by condition type.
        generation: the generation that it is said of.
        now: the time, in UTC.
    """
    stored = {condition.get("type"): condition for condition in previous}
    return [_condition(kind, verdict, stored.get(kind), generation, now) for kind, verdict in verdicts.items()]


def _condition(kind: str, verdict: Verdict, stored: Manifest | None, generation: int, now: datetime) -> Condition:
    since = now.replace(microsecond=0)
    if stored is not None and stored.get("status") == verdict.status and "lastTransitionTime" in stored:
        since = stored["lastTransitionTime"]
    return Condition.model_validate(
        {
            "type": kind,
            "status": verdict.status,
            "reason": str(verdict.reason),
            "message": shortened(verdict.message),
            "observedGeneration": generation,
            "lastTransitionTime": since,
        }
    )


def shortened(message: str) -> str:
    """The message without surrounding white space, cut where nobody reads on."""
    message = message.strip()
    return message if len(message) <= MAX_MESSAGE else message[: MAX_MESSAGE - 1] + "…"
