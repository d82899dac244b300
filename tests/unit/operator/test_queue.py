"""The key queue, in virtual time."""

import threading
from itertools import pairwise

from gpux_operator.engine.queue import FIRST_RETRY, LONGEST_RETRY, Key, KeyQueue

A, B = Key("ns", "a"), Key("ns", "b")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def queue(clock: Clock, jitter: float = 1.0) -> KeyQueue:
    return KeyQueue(clock, lambda: jitter)


def test_a_key_is_queued_once_and_in_order() -> None:
    keys = queue(Clock())
    for key in (A, B, A, A):
        keys.add(key)
    assert len(keys) == 2
    assert [keys.get(block=False) for _ in range(3)] == [A, B, None]


def test_a_key_that_runs_is_not_given_out_and_runs_again_after_done() -> None:
    keys = queue(Clock())
    keys.add(A)
    assert keys.get(block=False) == A
    keys.add(A)
    keys.add(A)
    assert keys.get(block=False) is None
    keys.done(A)
    assert keys.get(block=False) == A
    keys.done(A)
    assert keys.get(block=False) is None


def test_the_backoff_doubles_to_its_limit_and_forget_resets_it() -> None:
    clock = Clock()
    keys = queue(clock)
    delays = []
    for count in range(1, 16):
        assert keys.retry(A) == count
        before = clock.now
        while keys.get(block=False) is None:
            clock.now += 0.01 if clock.now - before < 10 else 1
        delays.append(clock.now - before)
        keys.done(A)
    assert delays[0] < FIRST_RETRY + 0.02
    assert all(later >= earlier for earlier, later in pairwise(delays))
    assert LONGEST_RETRY <= delays[-1] < LONGEST_RETRY + 2
    keys.forget(A)
    assert keys.retry(A) == 1


def test_the_jitter_scales_the_backoff_and_a_server_s_wish_is_a_floor() -> None:
    clock = Clock()
    keys = queue(clock, jitter=1.2)
    keys.retry(A)
    clock.now += FIRST_RETRY
    assert keys.get(block=False) is None
    clock.now += 0.021
    assert keys.get(block=False) == A
    keys.done(A)
    keys.retry(B, at_least=30)
    clock.now += 29
    assert keys.get(block=False) is None
    clock.now += 1.1
    assert keys.get(block=False) == B


def test_of_several_delays_the_earliest_counts_and_only_once() -> None:
    clock = Clock()
    keys = queue(clock)
    keys.add_after(A, 10)
    keys.add_after(A, 5)
    keys.add_after(A, 20)
    clock.now += 5
    assert keys.get(block=False) == A
    keys.done(A)
    clock.now += 60
    assert keys.get(block=False) is None


def test_a_delay_that_ends_while_the_key_runs_makes_it_run_again() -> None:
    clock = Clock()
    keys = queue(clock)
    keys.add(A)
    keys.get(block=False)
    keys.add_after(A, 1)
    clock.now += 2
    assert keys.get(block=False) is None
    keys.done(A)
    assert keys.get(block=False) == A


def test_close_wakes_a_waiting_worker() -> None:
    keys = KeyQueue()
    seen: list[object] = []
    worker = threading.Thread(target=lambda: seen.append(keys.get()))
    worker.start()
    keys.close()
    worker.join(5)
    assert seen == [None]


def test_add_after_wakes_a_waiting_worker_in_time() -> None:
    keys = KeyQueue()
    seen: list[object] = []
    worker = threading.Thread(target=lambda: seen.append(keys.get()))
    worker.start()
    keys.add_after(A, 0.05)
    worker.join(5)
    assert seen == [A]


def test_what_the_pass_itself_saw_does_not_make_it_run_again() -> None:
    """An event may overtake the answer to the very write that it tells of."""
    known: set[str] = set()
    queue = KeyQueue(known=known)
    for versions, again in ((["5"], False), (["5", "6"], True), ([None], True), (["5", None], True)):
        queue.add(A)
        assert queue.get(block=False) == A
        for version in versions:
            queue.add(A, version)
        known.add("5")
        queue.done(A)
        assert (queue.get(block=False) == A) is again, versions
        queue.done(A)
        known.clear()


def test_a_look_at_all_models_lets_changes_go_first() -> None:
    queue = KeyQueue()
    queue.add_idle(A)
    queue.add_idle(B)
    assert len(queue) == 2
    queue.add(B)
    assert [queue.get(block=False) for _ in range(3)] == [B, A, None], "and B only once"
    queue.add_idle(B)
    queue.done(B)
    assert queue.get(block=False) == B, "it ran when it was asked for"


def test_a_look_that_is_due_lets_changes_and_retries_go_first() -> None:
    """A thousand models without a KServe are due together; who changes one of them does not wait for all."""
    clock = Clock()
    keys = queue(clock)
    keys.add_after(A, 5, idle=True)
    keys.add_after(B, 5, idle=True)
    keys.add_after(B, 6)
    clock.now += 7
    assert [keys.get(block=False) for _ in range(3)] == [B, A, None]
