"""A token bucket for each client."""

import math

from hypothesis import given
from hypothesis import strategies as st

from gpux_predictor.access.buckets import Buckets


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_the_rate() -> None:
    clock = Clock()
    buckets = Buckets(2, 4, clock)
    assert [buckets.take("a") for _ in range(5)] == [True] * 4 + [False]
    assert buckets.wait_seconds("a") == 1
    assert buckets.take("b"), "each client has its own"
    clock.now += 0.5
    assert [buckets.take("a"), buckets.take("a")] == [True, False]
    clock.now += 3600
    assert [buckets.take("a") for _ in range(5)] == [True] * 4 + [False]


def test_the_headers_say_what_is_left_and_when_all_is_back() -> None:
    clock = Clock()
    buckets = Buckets(2, 5, clock)
    buckets.take("a")
    assert buckets.headers("a") == [(b"ratelimit-policy", b'"client";q=5;w=3'), (b"ratelimit", b'"client";r=4;t=1')]
    for _ in range(4):
        buckets.take("a")
    assert buckets.headers("a")[1] == (b"ratelimit", b'"client";r=0;t=3')


def test_what_is_given_back_can_be_taken_again_and_never_overflows() -> None:
    buckets = Buckets(1, 2, Clock())
    buckets.take("a")
    buckets.give_back("a")
    buckets.give_back("a")
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]


def test_who_has_gone_is_forgotten() -> None:
    buckets = Buckets(1, 1, Clock())
    assert buckets.take("a")
    assert buckets.take("b")
    buckets.keep({"b"})
    assert (buckets.take("a"), buckets.take("b")) == (True, False)


@given(
    rate=st.integers(1, 1000),
    burst=st.integers(1, 1000),
    pauses=st.lists(st.floats(0, 10, allow_nan=False), min_size=1, max_size=60),
)
def test_never_more_than_the_burst_and_the_rate(rate: int, burst: int, pauses: list[float]) -> None:
    clock = Clock()
    buckets = Buckets(rate, burst, clock)
    started, taken = clock.now, 0
    for pause in pauses:
        clock.now += pause
        if buckets.take("a"):
            taken += 1
        else:
            clock.now += buckets.wait_seconds("a")
            assert buckets.take("a"), "who waits as long as was said is let in"
            taken += 1
        assert taken <= burst + math.ceil((clock.now - started) * rate + 1e-6)
