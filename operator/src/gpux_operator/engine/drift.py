"""Removes what others wrote into an InferenceService's predictor.

Server-side apply resets our fields and leaves everybody else's, which can make the whole invalid for ever: `rollingUpdate`
beside our `type: Recreate` is refused by every Deployment. So the fields of the predictor that aren't ours go, if
metadata.managedFields names somebody who wrote them. What nobody owns was put in by an admission webhook on its way, and
KServe's own fields are KServe's: both stay, or we and they would take turns for ever.

Somebody who insists cannot make a hot loop of it either: a field is removed once it stands for half a minute (the API
server keeps the time of each manager's last write), and one that nobody owns any more, since a webhook put it back, is
left. Labels, annotations, finalizers, and items that others add to lists are not looked at.
"""

import logging
from collections.abc import Iterator
from datetime import datetime

from gpux_operator.build.checks import SLOWLY
from gpux_operator.build.metadata import MANAGER, Manifest
from gpux_operator.engine.queue import Key
from gpux_operator.kube.api import INFERENCE_SERVICES, KubeApi
from gpux_operator.kube.errors import Rejected

_log = logging.getLogger(__name__)
STANDS_SECONDS = 30.0
_KSERVE = "manager"
"""How KServe's controller signs: its binary has no other name, and a client's default is the binary's name."""


def remove_foreign(
    api: KubeApi, key: Key, live: Manifest, desired: Manifest, now: datetime
) -> tuple[Manifest, float | None]:
    """Removes other managers' fields from the predictor.

    Returns:
        The InferenceService as stored then, and in how many seconds there is more to remove.

    Raises:
        ApiError: the request failed; Conflict: the object is another one meanwhile.
    """
    patch: Manifest = {}
    later: float | None = None
    for entry in _of_others(live):
        owned = entry.get("fieldsV1", {}).get("f:spec", {}).get("f:predictor", {})
        foreign = _removal(owned, live["spec"]["predictor"], desired["spec"]["predictor"])
        if not foreign:
            continue
        wait = min(STANDS_SECONDS - _age(entry, now), STANDS_SECONDS)  # whatever the clocks say
        if wait > 0:
            later = wait if later is None else min(wait, later)
            continue
        _log.warning("%s/%s: removing what %s wrote: %s", key.namespace, key.name, entry.get("manager"), foreign)
        _merge(patch, foreign)
    if not patch:
        return live, later
    version = {"resourceVersion": live["metadata"]["resourceVersion"]}
    body = {"metadata": version, "spec": {"predictor": patch}}
    try:
        return api.merge(INFERENCE_SERVICES, key.namespace, key.name, body), later
    except Rejected as error:  # not the model's fault, nor in the way of what else is to be done for it
        _log.warning("%s/%s: what others wrote stays, the cluster refuses to remove it: %s", *key, error)
        return live, SLOWLY


def _of_others(live: Manifest) -> Iterator[Manifest]:
    for entry in live["metadata"].get("managedFields") or ():
        manager = str(entry.get("manager"))
        if manager not in {MANAGER, _KSERVE} and not manager.startswith("kserve") and not entry.get("subresource"):
            yield entry


def _removal(owned: Manifest, live: Manifest, desired: Manifest) -> Manifest:
    """A merge patch with a null for each owned field that exists and isn't desired. Lists are compared by the apply."""
    patch: Manifest = {}
    for path, below in owned.items():
        kind, _, name = path.partition(":")
        if kind != "f" or name not in live:
            continue
        if name not in desired:
            patch[name] = None
        elif isinstance(live[name], dict) and isinstance(desired[name], dict):
            deeper = _removal(below, live[name], desired[name])
            patch |= {name: deeper} if deeper else {}
    return patch


def _merge(patch: Manifest, other: Manifest) -> None:
    for name, value in other.items():
        if isinstance(value, dict):
            _merge(patch.setdefault(name, {}), value)
        else:
            patch[name] = value


def _age(entry: Manifest, now: datetime) -> float:
    written = entry.get("time")
    return (now - datetime.fromisoformat(written)).total_seconds() if written else STANDS_SECONDS
