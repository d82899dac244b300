"""Releases of KServe that call their modes by other names. What their webhooks refuse, a policy of the API server refuses here."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from testcluster.api import ApiError
from testcluster.waiting import SOON, eventually

if TYPE_CHECKING:
    from tests.integration.operator.conftest import Models

    from testcluster.api import Api

KSERVE = "serving.kserve.io/v1beta1"
ADMISSION = "admissionregistration.k8s.io/v1"
MODE, CLASS = "serving.kserve.io/deploymentMode", "serving.kserve.io/autoscalerClass"
Object = dict[str, Any]
pytestmark = pytest.mark.usefixtures("operator")

STRATEGY = "customizing deploymentStrategy is only supported for raw deployment mode"
FIXED = "update rejected: deploymentMode cannot be changed"
_MODE = f"object.metadata.annotations['{MODE}']"


def named(mode: str) -> Object:
    """A mode's own name is the only one under which a strategy is allowed."""
    return {"expression": f"{_MODE} == '{mode}' || !has(object.spec.predictor.deploymentStrategy)", "message": STRATEGY}


WITHOUT_CLASS_NONE: Object = {
    "expression": f"object.metadata.annotations['{CLASS}'] != 'none'",
    "message": "[none] is not a supported autoscaler class type",
}
MODE_IS_FIXED: Object = {"expression": f"oldObject == null || oldObject.{_MODE[7:]} == {_MODE}", "message": FIXED}


@pytest.fixture
def refusing(admin: Api, namespace: str) -> Iterator[Callable[..., None]]:
    """Let InferenceServices of the namespace be refused unless these hold; again: unless those hold."""

    versions = itertools.count()

    def refuse(*validations: Object) -> None:
        probe = f"probe-{next(versions)}"
        rule = {"apiGroups": ["serving.kserve.io"], "apiVersions": ["v1beta1"], "operations": ["CREATE", "UPDATE"]}
        selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
        policy = {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [{**rule, "resources": ["inferenceservices"]}],
                "namespaceSelector": selector,
            },
            "validations": [*validations, {"expression": f"object.metadata.name != '{probe}'", "message": probe}],
        }
        metadata = {"name": namespace}
        made = {"apiVersion": ADMISSION, "kind": "ValidatingAdmissionPolicy", "metadata": metadata, "spec": policy}
        admin.apply(made)
        binding = {"policyName": namespace, "validationActions": ["Deny"]}
        admin.apply({**made, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding})
        eventually(lambda: _is_in_force(admin, namespace, probe), SOON, "the policy is in force")

    yield refuse
    for kind in ("ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"):
        admin.delete(ADMISSION, kind, namespace)


def _is_in_force(admin: Api, namespace: str, probe: str) -> bool:
    """Whether the API server refuses an InferenceService of this name by this version of the policy."""
    predictor = {"containers": [{"name": "kserve-container", "image": "x"}]}
    metadata = {"name": probe, "annotations": {MODE: "", CLASS: ""}}
    body = {"apiVersion": KSERVE, "kind": "InferenceService", "metadata": metadata, "spec": {"predictor": predictor}}
    path = f"/apis/{KSERVE}/namespaces/{namespace}/inferenceservices"
    try:
        admin.request("POST", path, body, params={"dryRun": "All"})
    except ApiError as refused:
        return probe in refused.message
    return False


@pytest.mark.usefixtures("kserve")
def test_before_0_16_the_mode_has_its_old_name(
    models: Models,
    refusing: Callable[..., None],
    operator_writes: Callable[[str], list[str]],
    settled_writes: Callable[..., list[str]],
    a_few_passes: Callable[[], None],
) -> None:
    refusing(named("RawDeployment"))
    models.apply()
    models.becomes("NewestGenerationServes")
    isvc = models.has_isvc()
    assert isvc["metadata"]["annotations"][MODE] == isvc["status"]["deploymentMode"] == "RawDeployment"
    eventually(lambda: models.condition("Available")["status"] == "True", SOON, "it serves")
    models.apply(serving={"env": [{"name": "A", "value": "b"}]})
    models.becomes("NewestGenerationServes")
    writes = settled_writes(models.namespace)
    a_few_passes()
    assert operator_writes(models.namespace) == writes


@pytest.mark.usefixtures("kserve", "knative")
@pytest.mark.parametrize(("other", "name"), [("RawDeployment", "Serverless"), ("Standard", "Knative")])
def test_in_knative_mode_the_name_is_kserve_s_as_well(
    other: str, name: str, models: Models, refusing: Callable[..., None]
) -> None:
    """Nothing of an InferenceService in Knative mode would be refused, so the name is found by asking."""
    refusing(named(other))
    models.apply(serving={"mode": "Knative"})
    models.becomes("NewestGenerationServes")
    assert models.has_isvc()["metadata"]["annotations"][MODE] == name
    models.apply(serving={"mode": "Knative", "env": [{"name": "A", "value": "b"}]})
    models.becomes("NewestGenerationServes")
    assert models.has_isvc()["metadata"]["annotations"][MODE] == name
    models.apply(serving={"mode": "Knative"}, suspend=True)
    models.becomes("Suspended")


@pytest.mark.usefixtures("kserve")
def test_an_upgrade_of_kserve_changes_the_name_with_the_next_change(
    models: Models, refusing: Callable[..., None], a_few_passes: Callable[[], None]
) -> None:
    """As with 0.19 and newer. No pod rolls for the name alone."""
    refusing(named("RawDeployment"))
    models.apply()
    models.becomes("NewestGenerationServes")
    before = models.has_isvc()
    refusing(named("Standard"))
    a_few_passes()
    assert models.has_isvc()["metadata"]["generation"] == before["metadata"]["generation"]
    models.apply(serving={"env": [{"name": "A", "value": "b"}]})
    models.becomes("NewestGenerationServes")
    assert models.has_isvc()["metadata"]["annotations"][MODE] == "Standard"
    assert models.has_isvc()["metadata"]["uid"] == before["metadata"]["uid"]


@pytest.mark.usefixtures("kserve")
def test_an_upgrade_that_pins_the_old_name_is_told(models: Models, refusing: Callable[..., None]) -> None:
    """As with 0.17 and 0.18, which neither take the old name any more nor let it be changed."""
    refusing(named("RawDeployment"))
    models.apply()
    models.becomes("NewestGenerationServes")
    refusing(named("Standard"), MODE_IS_FIXED)
    models.apply(serving={"env": [{"name": "A", "value": "b"}]})
    assert "delete the InferenceService" in models.becomes("Rejected")["message"]
    assert models.condition("Available")["status"] == "True", "the old version serves on"
    models.api.delete(KSERVE, "InferenceService", "m", models.namespace)
    models.becomes("NewestGenerationServes")
    assert models.has_isvc()["metadata"]["annotations"][MODE] == "Standard"


def test_one_without_the_autoscaler_class_none_is_too_old(models: Models, refusing: Callable[..., None]) -> None:
    refusing(WITHOUT_CLASS_NONE)
    models.apply()
    assert "0.15.1 or newer" in models.becomes("KServeTooOld")["message"]
    assert models.condition("Accepted")["status"] == "True", "the spec is not what is wrong"
    assert models.isvc() is None


@pytest.mark.usefixtures("kserve")
def test_before_0_16_an_autoscaled_model_is_not_suspended(models: Models, refusing: Callable[..., None]) -> None:
    """Its KServe leaves the pods there; without a target they end, and come back."""
    refusing(named("RawDeployment"))
    scaled = {"replicas": {"min": 1, "max": 3, "target": {"metric": "cpu", "value": 80}}}
    models.apply(serving=scaled)
    models.becomes("NewestGenerationServes")
    models.apply(serving=scaled, suspend=True)
    assert "before 0.16" in models.becomes("KServeTooOld")["message"]
    assert models.condition("Available")["status"] == "True", "it serves on, and says so"
    models.apply(suspend=True)
    models.becomes("Suspended")
    eventually(lambda: (models.deployment() or {"spec": {}})["spec"].get("replicas") == 0, SOON, "there is no replica")
    models.apply(serving=scaled)
    assert "until a replica serves" in models.becomes("KServeTooOld")["message"]
    models.apply()
    models.becomes("NewestGenerationServes")
    models.apply(serving=scaled)
    models.becomes("NewestGenerationServes")
