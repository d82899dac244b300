"""What a stored GpuxModel asks for, or why it can't be done."""

import copy
from dataclasses import dataclass, replace

from pydantic import ValidationError

from gpux_api.manifests import problems, without_unknown
from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.checks import Problem, spec_problem
from gpux_operator.build.inference_service import Platform
from gpux_operator.build.metadata import Manifest
from gpux_operator.build.revision import is_knative, knative_problem
from gpux_operator.build.scaling import autoscaler, autoscaler_problem
from gpux_operator.engine.desired import Desired, desired_children
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import KNATIVE_SERVICES, SCALED_OBJECTS, KubeApi
from gpux_operator.status.reasons import Reason

PROTECTION = "spec.access."
"""Fields of a newer CRD that say who is let in are not ignored: a model would be open to others."""
OTHER_CRD = " (it was stored by a CRD of another version than this operator: upgrade both with the chart, or correct the manifest)"


@dataclass(frozen=True)
class Asked:
    """What came of reading.

    Args:
        problem: why the spec can't be done.
        desired: the children; None with a problem.
        public: whether the model is to be reached from outside.
    """

    problem: Problem | None
    desired: Desired | None = None
    public: bool = False


def read(api: KubeApi, platform: Platform, key: Key, stored: Manifest) -> Asked:
    """Reads a stored model. Fields that a newer CRD has and this operator hasn't are ignored, and told.

    The API server lets no other unknown fields through. Refusing them would take the status of a model that serves away for
    the moment of an upgrade in which the CRD is newer than the operator, and for as long as the operator alone is rolled back.
    """
    # The status is rebuilt, so an older one that doesn't fit any more does no harm.
    document = {name: value for name, value in stored.items() if name != "status"}
    try:
        model, unknown = _model(document)
    except ValidationError as error:
        return Asked(Problem(Reason.INVALID_SPEC, "; ".join(map(str, problems(error))) + OTHER_CRD))
    public = model.spec.serving.visibility == "Public"
    found = spec_problem(model, key.namespace) or _lack(api, platform, model)
    if found is not None:
        return Asked(found, public=public)
    desired = desired_children(model, key.namespace, platform.images, platform.prometheus)
    return Asked(None, replace(desired, intent=replace(desired.intent, unknown=unknown)), public)


def _model(document: Manifest) -> tuple[GpuxModel, tuple[str, ...]]:
    """The model, and the paths of the fields that were ignored.

    Raises:
        ValidationError: it is wrong in another way, such as a value of a newer CRD in a field that is known.
    """
    try:
        return GpuxModel.model_validate(document, by_name=False), ()
    except ValidationError as error:
        known, unknown = without_unknown(copy.deepcopy(document), error)
        if any(path.startswith(PROTECTION) for path in unknown):
            raise
        return GpuxModel.model_validate(known, by_name=False), unknown


def _lack(api: KubeApi, platform: Platform, model: GpuxModel) -> Problem | None:
    """What the cluster lacks for the model."""
    if is_knative(model):
        return knative_problem(api.serves(KNATIVE_SERVICES))
    if autoscaler(model) != "keda":
        return None
    return autoscaler_problem(model, platform.prometheus, api.serves(SCALED_OBJECTS))
