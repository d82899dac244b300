"""One level-triggered pass over a model: read, build, write what differs, say what is.

Nothing is remembered between passes but how often somebody else's writes were undone (`engine.repairs`), which version a
pass knew last, and what the CRD does not know (`engine.statuses`), so a pass may be cut off anywhere and any number may follow each
other: the next one starts from what the API server has.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from gpux_api.v1alpha1 import API_VERSION, KIND
from gpux_operator.build.checks import Problem
from gpux_operator.build.inference_service import Platform
from gpux_operator.build.metadata import Manifest, of_version
from gpux_operator.engine import autoscalers, kserve_words, troubles
from gpux_operator.engine.children import write_children
from gpux_operator.engine.desired import Desired, for_what_exists
from gpux_operator.engine.leftovers import remove_old_config_maps
from gpux_operator.engine.observe import observe
from gpux_operator.engine.outcome import Outcome
from gpux_operator.engine.predictors import FIRST_SECONDS, Predictors
from gpux_operator.engine.queue import Key
from gpux_operator.engine.reading import read
from gpux_operator.engine.recorder import Recorder
from gpux_operator.engine.repairs import Repairs, Turn
from gpux_operator.engine.statuses import Statuses
from gpux_operator.kube.api import GPUX_MODELS, KubeApi
from gpux_operator.kube.errors import KindMissing, NamespaceEnding, NotFound
from gpux_operator.status.observed import Observed
from gpux_operator.status.reasons import Reason
from gpux_operator.status.rollup import as_stored, roll_up

_NAMESPACE_ENDING_SECONDS = 30.0


class Reconciler:
    """Brings one model at a time to what its spec says."""

    def __init__(
        self,
        api: KubeApi,
        platform: Platform,
        recorder: Recorder,
        predictors: Predictors,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._api = api
        self._platform = platform
        self._recorder = recorder
        self._predictors = predictors
        self._clock = clock
        self._repairs = Repairs()
        self._statuses = Statuses(api, clock)
        self._known: dict[Key, str] = {}

    def reconcile(self, key: Key) -> Outcome:
        """One pass.

        Raises:
            ApiError: a request failed that may succeed another time; the status is left as it was.
        """
        self._known.pop(key, None)
        try:
            stored = self._api.get(GPUX_MODELS, key.namespace, key.name)
        except (NotFound, KindMissing):  # with the kind all models are gone; discovery and the resync see it come back
            self._predictors.forget(key)
            self._repairs.forget(key)
            return Outcome("gone")
        metadata = stored["metadata"]
        self._known[key] = metadata["resourceVersion"]
        if "deletionTimestamp" in metadata:
            return Outcome("deleting", uid=metadata["uid"])  # the garbage collector removes the children
        try:
            return self._bring_about(key, stored)
        except NamespaceEnding:
            return Outcome("deleting", retry_seconds=_NAMESPACE_ENDING_SECONDS, uid=metadata["uid"])

    def report_failure(self, key: Key, error: Exception, changed: Callable[[], None]) -> None:
        """Says in the status, once, that requests fail repeatedly. Best effort: this request may fail as well.

        Args:
            changed: called if the model is another one than the pass knew: its event is taken for an echo of what is read here.
        """
        stored = self._api.get(GPUX_MODELS, key.namespace, key.name)
        if stored["metadata"]["resourceVersion"] != self._known.get(key):
            changed()
        conditions = (stored.get("status") or {}).get("conditions") or ()
        if any(item["reason"] == Reason.REQUEST_FAILED for item in conditions):
            return  # each write wakes the queue: a message that varies would outrun the backoff
        desired = read(self._api, self._platform, key, stored).desired
        observed = observe(self._api, key, stored, with_url=True)
        problem = Problem(Reason.REQUEST_FAILED, f"the last requests failed, trying again: {error}")
        self._write_status(stored, problem, desired, observed)

    def _bring_about(self, key: Key, stored: Manifest) -> Outcome:
        uid = stored["metadata"]["uid"]
        asked = read(self._api, self._platform, key, stored)
        problem, desired = asked.problem, asked.desired
        observed = observe(self._api, key, stored, with_url=asked.public)
        later: float | None = None
        if problem is None and desired is not None:
            desired = for_what_exists(desired, observed)
            written = write_children(self._api, key, desired, observed, Turn(self._repairs, key, self._clock()))
            problem, observed, later = written.problem, written.observed, written.retry_seconds
            if problem is None and observed.inference_service is not None:
                problem = autoscalers.retire(self._api, key, stored, observed.inference_service)
        intent = desired.intent if desired else None
        observed = troubles.look(self._api, key, intent, observed, self._clock())
        if problem is None:  # which would be told first
            observed = kserve_words.look(self._api, key, intent, observed, self._clock())
        observed = self._predictors.look(key, intent, observed, self._clock())
        outcome = self._write_status(stored, problem, desired, observed)
        if outcome.result == "ready" and desired is not None:
            remove_old_config_maps(self._api, key, uid, desired.config_map["metadata"]["name"], observed)
        waits = [
            seconds for seconds in (outcome.retry_seconds, later, observed.look_again_seconds) if seconds is not None
        ]
        return replace(outcome, retry_seconds=min(waits, default=None))

    def _write_status(
        self, stored: Manifest, problem: Problem | None, desired: Desired | None, observed: Observed
    ) -> Outcome:
        metadata = stored["metadata"]
        intent = desired.intent if desired else None
        status = self._statuses.known(as_stored(roll_up(stored, problem, intent, observed, self._clock())))
        before = stored.get("status") or {}
        ready = next(item for item in status["conditions"] if item["type"] == "Ready")
        if observed.unheard and ready["reason"] == Reason.PODS_NOT_READY:  # the cause may be known in a moment
            return Outcome("progressing", ready["reason"], FIRST_SECONDS, metadata["uid"], metadata["generation"])
        if status != before:
            identity = {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}
            body = of_version(stored, {"apiVersion": API_VERSION, "kind": KIND, "metadata": identity, "status": status})
            try:
                written = self._statuses.write(body)
            except NotFound:
                return Outcome("gone")
            self._known[Key(metadata["namespace"], metadata["name"])] = written["metadata"]["resourceVersion"]
            self._recorder.transitions(stored, before, status)
        result = "problem" if problem else "ready" if ready["status"] == "True" else "progressing"
        return Outcome(
            result,
            ready["reason"],
            problem.retry_seconds if problem else None,
            metadata["uid"],
            metadata["generation"],
            datetime.fromisoformat(ready["lastTransitionTime"]),
        )
