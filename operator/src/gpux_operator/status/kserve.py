"""KServe's own words, where that is all there is to say."""

from gpux_operator.build.modes import mode_of
from gpux_operator.status.conditions import Verdict
from gpux_operator.status.containers import words
from gpux_operator.status.observed import Observed
from gpux_operator.status.reasons import Reason

_DEPLOYMENT_REASONS = {
    "MinimumReplicasUnavailable",
    "ProgressDeadlineExceeded",
    "FailedCreate",
    "ReplicaSetCreateError",
}


def trouble(observed: Observed) -> Verdict | None:
    """KServe's own failure, where that is all there is to say; what it copies from the Deployment is seen better there."""
    mode, predictor = observed.other_mode(), observed.kserve_condition("PredictorReady")
    if mode is not None:
        asked = mode_of(observed.inference_service or {"metadata": {}})
        message = (
            f"KServe serves the InferenceService in its mode {mode} instead of {asked}, as without its webhooks or before 0.15: upgrade "
            "KServe, then delete the InferenceService (its mode is fixed), and a new one is made"
        )
        return Verdict("False", Reason.KSERVE_TOO_OLD, message)
    if predictor.get("reason") == "Stopped":
        return waiting("KServe has not started the InferenceService again yet")
    copied = observed.deployment is not None and predictor.get("reason") in _DEPLOYMENT_REASONS
    if predictor.get("status") == "False" and words(predictor) and not copied:
        return Verdict("False", Reason.INFERENCE_SERVICE_FAILED, f"KServe reports: {words(predictor)}")
    if observed.kserve_trouble is not None:
        return Verdict("False", Reason.INFERENCE_SERVICE_FAILED, f"KServe reports: {observed.kserve_trouble}")
    return None


def waiting(what: str) -> Verdict:
    """It has said nothing yet."""
    return Verdict("Unknown", Reason.WAITING_FOR_KSERVE, f"{what}: if this stays, check that KServe's controller runs")
