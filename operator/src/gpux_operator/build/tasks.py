"""What a pod needs for the tasks of its model: where the store is."""

from gpux_api.v1alpha1 import GpuxModel
from gpux_api.v1alpha1.jobs import AsyncSpec
from gpux_operator.build.metadata import Manifest

_STATE = "/var/lib/gpux"
"""Where a claim for the embedded store is mounted."""
_GROUP = 65532
"""The image's group, to which the files of a claim are given."""
_WITHOUT_CLAIM = "/tmp/gpux"  # noqa: S108  (an emptyDir of the pod: it outlives the container)


def tasks_of(model: GpuxModel) -> AsyncSpec | None:
    """The tasks of a model; None where it has none."""
    spec = model.spec.async_
    return spec if spec is not None and spec.enabled else None


def keeps_a_claim(model: GpuxModel) -> bool:
    """Whether a claim is mounted that two pods of different nodes cannot have at once."""
    spec = tasks_of(model)
    return spec is not None and spec.claim_name is not None


def environment(model: GpuxModel) -> list[Manifest]:
    """Where the predictor finds its store."""
    spec = tasks_of(model)
    if spec is None:
        return []
    if spec.redis_url_secret_ref is None:
        found: list[Manifest] = [{"name": "GPUX_STATE_DIR", "value": _STATE if spec.claim_name else _WITHOUT_CLAIM}]
    else:
        found = [_secret("GPUX_REDIS_URL", spec.redis_url_secret_ref.name, spec.redis_url_secret_ref.key)]
    if spec.callbacks is not None:
        found.append(_secret("GPUX_WEBHOOK_SECRET", spec.callbacks.secret_ref.name, spec.callbacks.secret_ref.key))
    return found


def _secret(variable: str, name: str, key: str) -> Manifest:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def volumes(model: GpuxModel) -> list[Manifest]:
    """The claim of an embedded store."""
    spec = tasks_of(model)
    if spec is None or spec.claim_name is None:
        return []
    return [{"name": "gpux-state", "persistentVolumeClaim": {"claimName": spec.claim_name}}]


def mounts(model: GpuxModel) -> list[Manifest]:
    """Where the claim is mounted."""
    return [{"name": "gpux-state", "mountPath": _STATE}] if keeps_a_claim(model) else []


def group(model: GpuxModel) -> Manifest:
    """Whose the claim's files are; KServe leaves fsGroup alone."""
    return {"fsGroup": _GROUP} if keeps_a_claim(model) else {}
