"""Kubernetes events about a model: one where a condition changes, none on a pass that changes nothing.

The event's name is made of the condition, its reason and the generation, so that the same news again counts up on the same event
and takes the newest message: of a crash loop each crash has other last lines. Best effort: an event that cannot be written is
logged, and the pass goes on.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from gpux_api.v1alpha1 import API_VERSION, KIND
from gpux_operator.build.metadata import MANAGER, Manifest, digest
from gpux_operator.kube.api import EVENTS, KubeApi
from gpux_operator.kube.errors import ApiError, Conflict, NamespaceEnding
from gpux_operator.status.reasons import PROGRESS, Reason

_log = logging.getLogger(__name__)
_TOLD = ("Accepted", "Available", "Ready", "BatchSucceeded")


class Recorder:
    """Posts core/v1 events under the operator's name."""

    def __init__(self, api: KubeApi, instance: str, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._api = api
        self._instance = instance
        self._clock = clock

    def transitions(self, model: Manifest, before: Manifest, after: Manifest) -> None:
        """Events for the conditions whose status or reason changed; news that two conditions share is told once."""
        old = {item["type"]: item for item in before.get("conditions") or ()}
        told: set[tuple[str, str]] = set()
        for item in after["conditions"]:
            previous = old.get(item["type"], {})
            changed = (previous.get("status"), previous.get("reason")) != (item["status"], item["reason"])
            if item["type"] not in _TOLD or not changed or (item["reason"], item["message"]) in told:
                continue
            if not previous and not _is_warning(item):
                continue  # how every model begins is no news
            told.add((item["reason"], item["message"]))
            self._post(model, item)

    def _post(self, model: Manifest, item: Manifest) -> None:
        event = self._event(model, item)
        try:
            self._create_or_count(event)
        except NamespaceEnding:
            return
        except ApiError as error:
            _log.warning("cannot post the event %s: %s", event["metadata"]["name"], error)

    def _create_or_count(self, event: Manifest) -> None:
        namespace, name = event["metadata"]["namespace"], event["metadata"]["name"]
        try:
            self._api.create(EVENTS, event)
        except Conflict:
            stored = self._api.get(EVENTS, namespace, name)
            patch = {
                "count": (stored.get("count") or 1) + 1,
                "lastTimestamp": event["lastTimestamp"],
                "message": event["message"],
            }
            self._api.merge(EVENTS, namespace, name, patch)

    def _event(self, model: Manifest, item: Manifest) -> Manifest:
        metadata = model["metadata"]
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        news = [metadata["uid"], item["type"], item["reason"], item.get("observedGeneration")]
        name = f"{metadata['name']}.{digest(news, 16)}"
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": metadata["namespace"]},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion", ""),
            },
            "type": "Warning" if _is_warning(item) else "Normal",
            "reason": item["reason"],
            "message": item["message"][:1024],
            "action": "Reconcile",
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
            "reportingInstance": self._instance,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def _is_warning(item: Manifest) -> bool:
    if item["reason"] == Reason.FIELDS_IGNORED:
        return True
    return item["status"] == "False" and item["reason"] not in PROGRESS
