"""What predictors say of themselves, asked for beside the passes: no pass ever waits for a pod.

A pass takes what is known and has the rest asked by a thread pool; an answer that is news wakes the model up. Nothing in the
cluster changes when a predictor goes from Loading to SampleFailed, so a pass also says when to look again. A pod that can't be
reached (a NetworkPolicy, an operator outside the cluster) just says nothing.
"""

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gpux_operator.build.metadata import Manifest
from gpux_operator.engine.asking import Asked, Questions, Run
from gpux_operator.engine.pause import pause_seconds
from gpux_operator.engine.queue import Key
from gpux_operator.status.intent import Intent
from gpux_operator.status.observed import Observed, is_ready
from gpux_operator.status.predictor import Described, Health, Json, described, health
from gpux_operator.status.running import address, running_since

Fetch = Callable[[str, str], Json | None]
"""The JSON object at a path of an address (`http://host:port`, `https://…`); None if there is none, for whatever reason. Never raises."""

FIRST_SECONDS = 3.0
"""How long a pass leaves the status alone for a container's first answer: more than one request's time-out."""
MOST_PODS = 3
_ASK_AGAIN_SECONDS, _DESCRIBE_AGAIN_SECONDS = 1.5, 60.0


@dataclass(frozen=True)
class _Model:
    """The questions about one model, by start of a container: its /health, and what it serves."""

    health: Questions
    served: Questions


class Predictors:
    """The answers that are known by now. Safe to use from many threads, by one a model at a time."""

    def __init__(
        self, fetch: Fetch, changed: Callable[[Key], None], run: Run, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._changed = changed
        self._run = run
        self._clock = clock
        self._lock = threading.Lock()
        self._models: dict[Key, _Model] = {}

    def __len__(self) -> int:
        """Models that something is remembered of."""
        with self._lock:
            return len(self._models)

    def look(self, key: Key, intent: Intent | None, observed: Observed, now: datetime) -> Observed:
        """What was observed, with what the newest version's predictors said; what is missing or old is asked for."""
        pods = sorted(observed.current_pods(intent.pod_hash), key=_name) if intent else []
        reachable = [pod for pod in pods if address(pod)]
        waiting = [pod for pod in reachable if not is_ready(pod) and running_since(pod)][:MOST_PODS]
        serving = next((pod for pod in reachable if is_ready(pod)), None)
        before = () if observed.look_again_seconds is None else (observed.look_again_seconds,)
        pauses = [*before, *(pause_seconds(running_since(pod), now) for pod in waiting)]
        heard = self._health(key, waiting)
        told = intent if intent and not intent.undescribed else None
        return replace(
            observed,
            said={_name(pod): asked.said for pod, asked in heard if asked.said is not None},
            unheard=any(not asked.heard and self._clock() - asked.since < FIRST_SECONDS for _, asked in heard),
            look_again_seconds=min(pauses, default=None),
            described=self._served(key, told.pod_hash, pods, serving) if told and serving else None,
        )

    def forget(self, key: Key) -> None:
        """The model is gone."""
        with self._lock:
            self._models.pop(key, None)

    def _about(self, key: Key) -> _Model:
        with self._lock:
            new = _Model(Questions(self._run, self._clock), Questions(self._run, self._clock))
            return self._models.setdefault(key, new)

    def _health(self, key: Key, pods: Sequence[Manifest]) -> list[tuple[Manifest, Asked]]:
        questions, news = self._about(key).health, functools.partial(self._changed, key)
        starts = {(*key, *_start(pod)): pod for pod in pods}
        questions.keep(starts)
        return [
            (pod, questions.ask(start, _ASK_AGAIN_SECONDS, self._health_of(address(pod) or ""), news))
            for start, pod in starts.items()
        ]

    def _served(self, key: Key, pod_hash: str, pods: Sequence[Manifest], serving: Manifest) -> Described | None:
        """What one of a version's pods serves, read once for each start: a file may have been replaced in place.

        A pod that did not answer is asked again later; until then None, and the status keeps what it has.
        """
        questions, news = self._about(key).served, functools.partial(self._changed, key)
        questions.keep({(*key, pod_hash, *_start(pod)) for pod in pods})
        start = (*key, pod_hash, *_start(serving))
        known = questions.known(start)
        if known is None or known.said is None:
            known = questions.ask(start, _DESCRIBE_AGAIN_SECONDS, self._described_by(address(serving) or ""), news)
        found: Described | None = known.said
        return found

    def _health_of(self, where: str) -> Callable[[], Health | None]:
        return lambda: health(self._fetch(where, "/health"))

    def _described_by(self, where: str) -> Callable[[], Described | None]:
        def read() -> Described | None:
            info = self._fetch(where, "/info")
            return described(info, self._fetch(where, "/openapi.json")) if info else None

        return read


def _start(pod: Manifest) -> tuple[str | None, str | None]:
    """What tells one start of a predictor's container from all others."""
    return pod["metadata"].get("uid"), running_since(pod)


def _name(pod: Manifest) -> str:
    return str(pod["metadata"]["name"])
