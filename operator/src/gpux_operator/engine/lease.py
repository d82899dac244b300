"""A Lease (coordination.k8s.io/v1) as a lock among replicas, with client-go's rules.

A lease is free if nobody holds it, or if its record has not changed for its duration by the clock of who looks: clocks of
different machines are never compared. Every write names the version that was read, so that of two takers one gets a Conflict.
"""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from gpux_operator.build.metadata import Manifest
from gpux_operator.kube.api import LEASES, KubeApi
from gpux_operator.kube.errors import ApiError, Conflict, NotFound

_log = logging.getLogger(__name__)
DURATION_SECONDS = 15
"""client-go's default, as are the other times in `engine.election`."""


class Lease:
    """One replica's side of it.

    Args:
        api: the API server, with timeouts well below the duration.
        place: namespace and name of the lease.
        identity: of this replica; no other process ever has the same.
        clock: seconds that only grow.
        now: the time of day, for the record only.
    """

    def __init__(
        self,
        api: KubeApi,
        place: tuple[str, str],
        identity: str,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._namespace, self._name = place
        self.identity = identity
        self._clock = clock
        self._now = now
        self._seen: Manifest | None = None
        self._seen_at = 0.0
        self._version = ""

    @property
    def holder(self) -> str:
        """Who held it when it was last looked at; empty: nobody."""
        return (self._seen or {}).get("holderIdentity") or ""

    def hold(self) -> bool:
        """Takes the lease if it is free, renews it if it is ours. Returns whether it is ours now.

        Raises:
            ApiError: nobody knows; it may be ours or not.
        """
        try:
            stored = self._api.get(LEASES, self._namespace, self._name)
        except NotFound:
            stored = None
        if stored is not None:
            self._look_at(stored)
            if self.holder not in {"", self.identity} and not self._has_expired():
                return False
        try:
            self._look_at(self._create() if stored is None else self._patch(self._record()))
        except Conflict:  # somebody was faster
            return False
        return True

    def release(self) -> None:
        """Lets go of it, so that another replica need not wait for its end. Best effort."""
        if self.holder != self.identity:
            return
        try:
            self._look_at(self._patch({**self._record(), "holderIdentity": None, "leaseDurationSeconds": 1}))
        except ApiError as error:
            _log.info("the lease %s/%s is not released, it will expire: %s", self._namespace, self._name, error)

    def _look_at(self, stored: Manifest) -> None:
        self._version = stored["metadata"]["resourceVersion"]
        if stored.get("spec") != self._seen:
            self._seen, self._seen_at = stored.get("spec") or {}, self._clock()

    def _has_expired(self) -> bool:
        duration = (self._seen or {}).get("leaseDurationSeconds") or DURATION_SECONDS
        return self._clock() - self._seen_at > duration

    def _record(self) -> Manifest:
        seen = self._seen or {}
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = self.holder == self.identity
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": DURATION_SECONDS,
            "acquireTime": seen.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": seen.get("leaseTransitions", 0) + (0 if ours else 1),
        }

    def _create(self) -> Manifest:
        self._seen = None
        metadata = {"name": self._name, "namespace": self._namespace}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": self._record()}
        return self._api.create(LEASES, body)

    def _patch(self, spec: Manifest) -> Manifest:
        patch = {"metadata": {"resourceVersion": self._version}, "spec": spec}
        return self._api.merge(LEASES, self._namespace, self._name, patch)
