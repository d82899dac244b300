"""The tasks of a manifest: whether it has any, and where they are kept."""

import hashlib
import os
from pathlib import Path

from gpux_api.quantity import value_of
from gpux_api.v1alpha1 import GpuxModel
from gpux_api.v1alpha1.jobs import CallbacksSpec
from gpux_predictor.callbacks.address import networks
from gpux_predictor.callbacks.backoff import Backoff
from gpux_predictor.callbacks.sender import Sender
from gpux_predictor.callbacks.signing import Signer
from gpux_predictor.callbacks.target import Allowed
from gpux_predictor.errors import LoadError, LoadReason
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tasks.callbacks import Callbacks
from gpux_predictor.tasks.embedded.store import EmbeddedStore
from gpux_predictor.tasks.records import Terms
from gpux_predictor.tasks.service import TaskService
from gpux_predictor.tasks.store import TaskStore
from gpux_predictor.tracing import Tracer

REDIS_URL = "GPUX_REDIS_URL"
"""The environment variable with the URL of Redis; the operator fills it from the Secret."""


WEBHOOK_SECRET = "GPUX_WEBHOOK_SECRET"  # noqa: S105  (a name)
"""The environment variable with what callbacks are signed with, likewise."""


def terms(model: GpuxModel) -> Terms:
    """What the store of a manifest holds to."""
    spec = model.spec.async_
    if spec is None:
        return Terms()
    return Terms(spec.max_queued, spec.max_attempts, spec.result_ttl_seconds, int(value_of(spec.max_stored)))


def task_service(service: ModelService, state_dir: Path, tracer: Tracer | None = None) -> TaskService | None:
    """The tasks of a model; None where the manifest has none.

    Args:
        service: the model.
        state_dir: where an embedded store keeps its files.
        tracer: makes spans of runs and callbacks.

    Raises:
        LoadError: the manifest wants Redis or callbacks, and the environment does not have what they need.
    """
    spec = service.model.spec.async_
    if spec is not None and not spec.enabled:
        return None
    held_to = terms(service.model)
    callbacks = None if spec is None or spec.callbacks is None else _callbacks(spec.callbacks, held_to)
    return TaskService(service, _store(service.model, state_dir, held_to), held_to, callbacks, tracer)


def _callbacks(spec: CallbacksSpec, held_to: Terms) -> Callbacks:
    secrets = os.environ.get(WEBHOOK_SECRET)
    if secrets is None:
        raise LoadError(
            LoadReason.INVALID_WEBHOOK_SECRET,
            f'spec.async.callbacks is set, and {WEBHOOK_SECRET} is not: export it, for instance {WEBHOOK_SECRET}="whsec_$(openssl '
            'rand -base64 32)"',
        )
    allowed = Allowed(networks(*(spec.allowed_networks or ())), tuple(spec.allowed_hosts or ()))
    sender = Sender(Signer(secrets), allowed, spec.timeout_seconds)
    return Callbacks(sender, allowed, Backoff(spec.max_attempts, held_to.result_seconds))


def default_state_dir(manifest: Path) -> Path:
    """Where a laptop keeps the tasks of a manifest: the user's state folder (XDG), one folder for each file."""
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = manifest.resolve()
    return home / "gpux" / f"{path.parent.name}-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"


def _store(model: GpuxModel, state_dir: Path, held_to: Terms) -> TaskStore:
    spec = model.spec.async_
    if spec is None or spec.store == "embedded":
        return EmbeddedStore(state_dir, held_to)
    url = os.environ.get(REDIS_URL)
    if not url:
        raise LoadError(
            LoadReason.INVALID_TASK_STORE,
            f"spec.async.store is redis, and {REDIS_URL} is not set: export it, for instance {REDIS_URL}=redis://127.0.0.1:6379/0",
        )
    from gpux_predictor.tasks.shared.store import SharedStore  # noqa: PLC0415  (only who asks for Redis pays for its client)

    try:
        return SharedStore(url, f"{model.metadata.namespace or 'default'}/{model.metadata.name}", held_to)
    except ValueError as error:
        raise LoadError(LoadReason.INVALID_TASK_STORE, f"{REDIS_URL} is no URL of a Redis: {error}") from None
