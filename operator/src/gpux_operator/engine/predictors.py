"""What predictors say of themselves, asked for beside the passes: no pass ever waits for a pod.

A pass takes what is known and has the rest asked by a thread pool; an answer that is news wakes the model up. Nothing in the
cluster changes when a predictor goes from Loading to SampleFailed, so a pass also says when to look again. A pod that can't be
reached (a NetworkPolicy, an operator outside the cluster) just says nothing.
"""

import functools
import logging
import threading
import time
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gpux_operator.build.metadata import Manifest
from gpux_operator.engine.pause import pause_seconds
from gpux_operator.engine.queue import Key
from gpux_operator.status.observed import Intent, Observed, is_ready
from gpux_operator.status.predictor import Described, Health, Json, described, health
from gpux_operator.status.running import address, running_since

Fetch = Callable[[str, str], Json | None]
"""The JSON object at a path of an address (`host:port`); None if there is none, for whatever reason. Never raises."""
Run = Callable[[Callable[[], None]], Any]
"""Runs a job in some thread, soon."""

_log = logging.getLogger(__name__)
FIRST_SECONDS = 3.0
"""How long a pass leaves the status alone for a predictor's first answer: two requests' worth of time-out at most."""
MOST_PODS = 3
_ASK_AGAIN_SECONDS, _DESCRIBE_AGAIN_SECONDS = 1.5, 60.0


@dataclass(frozen=True)
class _Asked:
    since: float
    at: float
    busy: bool = True
    heard: bool = False
    said: Any = None


@dataclass
class _Memory:
    """Of one model: /health by container start, and the model by the version of its pods."""

    health: dict[Hashable, _Asked] = field(default_factory=dict)
    model: dict[str, _Asked] = field(default_factory=dict)


class Predictors:
    """The answers that are known by now. Safe to use from many threads."""

    def __init__(
        self, fetch: Fetch, changed: Callable[[Key], None], run: Run, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._changed = changed
        self._run = run
        self._clock = clock
        self._lock = threading.Lock()
        self._memories: dict[Key, _Memory] = {}

    def look(self, key: Key, intent: Intent | None, observed: Observed, now: datetime) -> Observed:
        """What was observed, with what the newest version's predictors said; what is missing or old is asked for."""
        pods = sorted(observed.current_pods(intent.pod_hash), key=_name) if intent else []
        reachable = [pod for pod in pods if address(pod)]
        waiting = [pod for pod in reachable if not is_ready(pod) and running_since(pod)][:MOST_PODS]
        with self._lock:
            memory = self._memories.setdefault(key, _Memory())
        heard = self._health(key, memory, waiting)
        before = () if observed.look_again_seconds is None else (observed.look_again_seconds,)
        serving = next((pod for pod in reachable if is_ready(pod)), None)
        return replace(
            observed,
            said={_name(pod): asked.said for pod, asked in heard if asked.said is not None},
            unheard=any(not asked.heard and self._clock() - asked.since < FIRST_SECONDS for _, asked in heard),
            look_again_seconds=min(
                [*before, *(pause_seconds(running_since(pod), now) for pod in waiting)], default=None
            ),
            described=self._model(key, memory, intent.pod_hash, serving) if intent and serving else None,
        )

    def forget(self, key: Key) -> None:
        """The model is gone."""
        with self._lock:
            self._memories.pop(key, None)

    def _health(self, key: Key, memory: _Memory, pods: Sequence[Manifest]) -> list[tuple[Manifest, _Asked]]:
        starts = {(pod["metadata"].get("uid"), running_since(pod)): pod for pod in pods}
        with self._lock:
            _keep(memory.health, starts)
        for start, pod in starts.items():
            read = functools.partial(self._read_health, address(pod) or "")
            self._ask(key, memory.health, start, _ASK_AGAIN_SECONDS, read)
        with self._lock:
            return [(pod, memory.health[start]) for start, pod in starts.items()]

    def _model(self, key: Key, memory: _Memory, pod_hash: str, pod: Manifest) -> Described | None:
        """The model of one version, read once; a pod that did not answer is asked again later."""
        with self._lock:
            _keep(memory.model, {pod_hash})
            known = memory.model.get(pod_hash)
        if known is None or known.said is None:
            read = functools.partial(self._read_model, address(pod) or "")
            self._ask(key, memory.model, pod_hash, _DESCRIBE_AGAIN_SECONDS, read)
        with self._lock:
            found: Described | None = memory.model[pod_hash].said
            return found

    def _ask(
        self, key: Key, known: dict[Any, _Asked], about: Hashable, pause: float, read: Callable[[], object]
    ) -> None:
        now = self._clock()
        with self._lock:
            last = known.get(about)
            if last is not None and (last.busy or now - last.at < pause):
                return
            known[about] = replace(last, at=now, busy=True) if last else _Asked(now, now)

        def job() -> None:
            said = None
            try:
                said = read()
            except Exception:
                _log.exception("bug: the answer of a predictor of %s/%s cannot be read", *key)
            with self._lock:
                asked = known.get(about)
                if asked is None:
                    return  # the pod is gone meanwhile
                said = asked.said if said is None else said  # busy with loading it may miss a moment
                known[about] = replace(asked, busy=False, heard=True, said=said)
            if not asked.heard or asked.said != said:
                self._changed(key)

        self._run(job)

    def _read_health(self, where: str) -> Health | None:
        return health(self._fetch(where, "/health"))

    def _read_model(self, where: str) -> Described | None:
        info = self._fetch(where, "/info")
        return described(info, self._fetch(where, "/openapi.json")) if info else None


def _keep(known: dict[Any, _Asked], wanted: Collection[Hashable]) -> None:
    """Forgets the rest in place: an answer that is on its way goes into this very dictionary."""
    for about in [about for about in known if about not in wanted]:
        del known[about]


def _name(pod: Manifest) -> str:
    return str(pod["metadata"]["name"])
