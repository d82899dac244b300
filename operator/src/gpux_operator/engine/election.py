"""Who of several replicas acts: the one that holds the Lease, for as long as it surely does.

`leads` goes by the clock, not by what a thread got round to do: ten seconds after the last renewal it is false even if this
process hung meanwhile, five seconds before another replica may take over.
"""

import logging
import random
import threading
import time
from collections.abc import Callable

from gpux_operator.engine.lease import Lease
from gpux_operator.kube.errors import ApiError

_log = logging.getLogger(__name__)
RENEW_DEADLINE_SECONDS = 10.0
RETRY_SECONDS = 2.0
LOOK_SECONDS = 1.0
"""How often a standby looks: a lease that was released is taken within that time."""
_JITTER = 0.1


class Election:
    """Holds the lease when it can, and tells of it.

    Args:
        lease: what is competed for.
        gained: called when this replica begins to lead; must return soon.
        lost: called when it leads no more without having been stopped; may take its time.
        clock: seconds that only grow.

    Attributes:
        broken: `run` has ended with an error: this replica neither leads nor can it take over.
    """

    def __init__(
        self,
        lease: Lease,
        gained: Callable[[], None],
        lost: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease = lease
        self._gained = gained
        self._lost = lost
        self._clock = clock
        self._stopped = threading.Event()
        self._until = float("-inf")
        self._in_office = False
        self.broken = False

    @property
    def leader(self) -> str:
        """The identity of who leads, as last seen; empty: nobody."""
        return self._lease.holder

    def leads(self) -> bool:
        """Whether this replica may write."""
        return self._clock() < self._until

    def run(self) -> None:
        """Until `stop`, or until what is told of the lease fails; then the lease is released."""
        try:
            while not self._stopped.is_set():
                self.once()
                pause = RETRY_SECONDS if self._in_office else LOOK_SECONDS
                self._stopped.wait(pause * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  (no secret)
        except Exception:
            _log.exception("bug: the election ended")
            self.broken = True
        self._until = float("-inf")
        self._lease.release()

    def once(self) -> None:
        """One attempt, and what follows from it."""
        asked = self._clock()
        if self._try():
            self._until = asked + RENEW_DEADLINE_SECONDS  # from before the request: the server may have stored it then
            if not self._in_office:
                self._in_office = True
                _log.info("this replica leads now")
                self._gained()
        elif self._in_office and (self._is_someone_else_s() or not self.leads()):
            self._until = float("-inf")
            self._in_office = False
            _log.warning("this replica does not lead any more: %s", self._why())
            self._lost()

    def stop(self) -> None:
        """End `run`. What writes must have ended before: another replica begins at once."""
        self._stopped.set()

    def _try(self) -> bool:
        try:
            return self._lease.hold()
        except ApiError as error:
            _log.warning("cannot ask for the lease: %s", error)
        except Exception:
            _log.exception("bug: asking for the lease failed")
        return False

    def _is_someone_else_s(self) -> bool:
        return self._lease.holder != self._lease.identity

    def _why(self) -> str:
        if self._is_someone_else_s():
            return f"{self._lease.holder or 'nobody'} holds the lease"
        return f"the lease could not be renewed for {RENEW_DEADLINE_SECONDS:.0f} s"
