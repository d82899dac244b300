"""Names of KServe's modes: which one is written, and what a refusal says."""

from __future__ import annotations

from typing import Any

import pytest

from gpux_operator.build.metadata import MODE
from gpux_operator.engine.admission import refusal, stopping_problem, write_named
from gpux_operator.kube.errors import Rejected
from gpux_operator.status.observed import Observed
from gpux_operator.status.reasons import Reason

Manifest = dict[str, Any]
OTHER_NAME = (
    'admission webhook "inferenceservice.kserve-webhook-server.validator" denied the request: customizing '
    "deploymentStrategy is only supported for raw deployment mode"
)


def isvc(mode: str, chosen: str | None = None, **annotations: str) -> Manifest:
    found: Manifest = {"metadata": {"annotations": {MODE: mode, **annotations}}, "spec": {"predictor": {}}}
    return found if chosen is None else {**found, "status": {"deploymentMode": chosen}}


class Webhook:
    """Takes one name of the mode."""

    def __init__(self, known: str, words: str = OTHER_NAME) -> None:
        self.tried: list[str] = []
        self._known = known
        self._words = words

    def write(self, wanted: Manifest) -> Manifest:
        name = wanted["metadata"]["annotations"][MODE]
        self.tried.append(name)
        if name != self._known:
            raise Rejected(self._words)
        return wanted

    def admit(self, wanted: Manifest) -> None:
        """What it is asked about Knative's names: an InferenceService in the other mode, with a strategy."""
        assert wanted["metadata"]["annotations"][MODE] == "Standard"
        assert wanted["spec"]["predictor"] == {"minReplicas": 0, "deploymentStrategy": {"type": "Recreate"}}
        if self._known == "Serverless":
            raise Rejected(self._words)


@pytest.mark.parametrize(
    ("stored", "known", "tried"),
    [
        (None, "Standard", ["Standard"]),
        (None, "RawDeployment", ["Standard", "RawDeployment"]),
        (isvc("RawDeployment"), "RawDeployment", ["RawDeployment"]),
        (isvc("RawDeployment"), "Standard", ["RawDeployment", "Standard"]),
        (isvc("Standard"), "Standard", ["Standard"]),
        (isvc("Serverless"), "Standard", ["Standard"]),
        ({"metadata": {}}, "Standard", ["Standard"]),
    ],
)
def test_the_stored_name_stays_and_the_other_follows_its_refusal(
    stored: Manifest | None, known: str, tried: list[str]
) -> None:
    webhook = Webhook(known)
    written = write_named(stored, isvc("Standard"), webhook.write, webhook.admit)
    assert webhook.tried == tried
    assert written["metadata"]["annotations"][MODE] == known


def test_another_refusal_is_no_matter_of_names() -> None:
    webhook = Webhook("RawDeployment", "denied the request: MinReplicas cannot be greater than MaxReplicas.")
    with pytest.raises(Rejected, match="MinReplicas"):
        write_named(None, isvc("Standard"), webhook.write, webhook.admit)
    assert webhook.tried == ["Standard"]


@pytest.mark.parametrize(
    ("stored", "known"),
    [
        (None, "Knative"),
        (None, "Serverless"),
        (isvc("Serverless"), "Serverless"),
        (isvc("Knative"), "Knative"),
    ],
)
def test_in_knative_mode_the_name_is_asked_for_before_the_first_write(stored: Manifest | None, known: str) -> None:
    webhook = Webhook(known)
    predictor = {"minReplicas": 0, "scaleMetric": "concurrency", "scaleTarget": 8}
    written = write_named(stored, {**isvc("Knative"), "spec": {"predictor": predictor}}, webhook.write, webhook.admit)
    assert webhook.tried == [known]
    assert written["spec"]["predictor"] == predictor


def test_what_else_is_refused_when_the_name_is_asked_for_is_told() -> None:
    webhook = Webhook("Serverless", "denied the request: no")
    desired = {**isvc("Knative"), "spec": {"predictor": {"minReplicas": 0}}}
    with pytest.raises(Rejected, match="denied the request: no"):
        write_named(None, desired, webhook.write, webhook.admit)
    assert webhook.tried == []


@pytest.mark.parametrize(
    ("words", "reason", "hint"),
    [
        ("[none] is not a supported autoscaler class type", Reason.KSERVE_TOO_OLD, "0.15.1 or newer"),
        (
            "update rejected: deploymentMode cannot be changed from 'a' to 'b'",
            Reason.REJECTED,
            "upgrade it to 0.19 or newer",
        ),
        ("MinReplicas cannot be greater than MaxReplicas.", Reason.REJECTED, "MinReplicas"),
    ],
)
def test_a_refusal_says_what_helps(words: str, reason: Reason, hint: str) -> None:
    problem = refusal(Rejected(words))
    assert problem.reason == reason
    assert words in problem.message
    assert hint in problem.message


@pytest.mark.parametrize(
    ("asked", "chosen", "other"),
    [
        ("Standard", "Standard", None),
        ("RawDeployment", "RawDeployment", None),
        ("RawDeployment", "Standard", None),
        ("Standard", "RawDeployment", None),
        ("Standard", "Serverless", "Serverless"),
        ("RawDeployment", "Knative", "Knative"),
        ("Standard", None, None),
        ("Knative", "Serverless", None),
        ("Serverless", "Knative", None),
        ("Knative", "RawDeployment", "RawDeployment"),
    ],
)
def test_a_mode_is_the_same_by_either_name(asked: str, chosen: str | None, other: str | None) -> None:
    assert Observed(isvc(asked, chosen)).other_mode() == other


@pytest.mark.parametrize(
    ("stored", "stop", "told"),
    [
        (isvc("RawDeployment", "RawDeployment"), "true", True),
        (isvc("RawDeployment", "RawDeployment"), None, False),
        (isvc("RawDeployment", "Standard"), "true", False),
        (isvc("RawDeployment"), "true", False),
        (isvc("Serverless", "Serverless"), "true", False),
        (None, "true", False),
    ],
)
def test_a_kserve_that_stops_nothing_is_not_asked_to(stored: Manifest | None, stop: str | None, told: bool) -> None:
    desired = isvc("Standard", **({"serving.kserve.io/stop": stop} if stop else {}))
    problem = stopping_problem(stored, desired)
    assert (problem is not None) == told
    assert problem is None or problem.reason == Reason.KSERVE_TOO_OLD


@pytest.mark.parametrize(
    ("chosen", "was", "stop", "canary", "told"),
    [
        ("Serverless", "false", "true", True, True),
        ("Serverless", "true", "false", True, True),
        ("Serverless", "true", "true", False, False),
        ("Serverless", "false", "false", True, False),
        ("Knative", "true", "false", True, False),
    ],
)
def test_an_old_kserve_is_not_asked_to_resume_a_canary(
    chosen: str, was: str, stop: str, canary: bool, told: bool
) -> None:
    """The status of a stopped one kept the names of revisions that were gone (seen with 0.15.2 without Istio)."""
    stored = isvc(chosen, chosen, **{"serving.kserve.io/stop": was})
    desired = isvc("Knative", **{"serving.kserve.io/stop": stop})
    desired["spec"]["predictor"] |= {"canaryTrafficPercent": 10} if canary else {}
    problem = stopping_problem(stored, desired)
    assert (problem is not None) == told
    assert problem is None or "remove spec.rollout.canary" in problem.message
