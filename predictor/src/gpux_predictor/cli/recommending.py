"""What to write into spec.runtime, if measuring says that the defaults leave something on the table."""

from collections.abc import Sequence
from dataclasses import dataclass

from gpux_predictor.cli.rounds import LEAST_NOISE

_ENOUGH = 0.98
"""As at warm-up: a limit is the smallest size that reaches this share of the best rate."""

_QUICK_SECONDS = 1e-3
"""Reading the requests of a batch takes longer than such a run of it."""


@dataclass(frozen=True)
class Timed:
    """A run of `rows` samples took `seconds`, give or take that share of it."""

    rows: int
    seconds: float
    noise: float

    @property
    def rate(self) -> float:
        """Samples a second."""
        return self.rows / self.seconds


@dataclass(frozen=True)
class Measured:
    """A model with a number of threads.

    Attributes:
        threads: of one run.
        limit: the batch limit that its warm-up chose.
        sizes: what runs of rising size took; the first has one row.
    """

    threads: int
    limit: int
    sizes: Sequence[Timed]

    @property
    def best(self) -> Timed:
        """The smallest size with the best rate, near enough."""
        most = max(size.rate for size in self.sizes)
        return next(size for size in self.sizes if size.rate >= _ENOUGH * most)

    @property
    def at_limit(self) -> Timed:
        """The largest size that warm-up would form, of those measured."""
        return max((size for size in self.sizes if size.rows <= self.limit), key=lambda size: size.rows)


@dataclass(frozen=True)
class Recommendation:
    """What to write; None where the default is as good.

    Attributes:
        why: a sentence for each thing considered.
    """

    max_size: int | None
    threads: int | None
    why: tuple[str, ...]

    def spec(self) -> dict[str, object]:
        """The part of a manifest that says it; {} for nothing."""
        runtime: dict[str, object] = {}
        if self.threads is not None:
            runtime["threads"] = self.threads
        if self.max_size is not None:
            runtime["batching"] = {"maxSize": self.max_size}
        return {"spec": {"runtime": runtime}} if runtime else {}


def recommend(default: Measured, others: Sequence[Measured]) -> Recommendation:
    """Compares the defaults with what else was measured; only what is beyond the noise counts.

    Other threads have to be better at one thing (a single sample, or the rate) and not worse at the other.
    """
    chosen, threads = default, None
    why = []
    for other in others:
        single = default.sizes[0].seconds / other.sizes[0].seconds - 1
        rate = other.best.rate / default.best.rate - 1
        noise = _noise(default.sizes[0], other.sizes[0], default.best, other.best)
        better = max(single, rate) > noise and min(single, rate) > -noise
        why.append(
            f"{other.threads} instead of {default.threads} threads: a single sample {_change(single)}, the best rate {_change(rate)}, "
            f"noise {noise:.0%}"
        )
        if better and (threads is None or other.best.rate > chosen.best.rate):
            chosen, threads = other, other.threads
    max_size, about = _batch_size(chosen)
    return Recommendation(max_size, threads, (*why, about))


def _batch_size(found: Measured) -> tuple[int | None, str]:
    best, limit = found.best, found.at_limit
    gain, noise = best.rate / limit.rate - 1, _noise(best, limit)
    if len(found.sizes) == 1:
        return None, "the model runs one sample at a time: nothing to choose for batching.maxSize"
    if best.rows == limit.rows:
        return None, f"batches of {limit.rows}, the limit found at warm-up, have the best rate"
    about = f"batches of {best.rows} instead of {limit.rows}: the rate {_change(gain)}, noise {noise:.0%}"
    if limit.seconds < _QUICK_SECONDS:
        return (
            None,
            f"{about}; but one takes {limit.seconds * 1e3:.2g} ms, so that the model is not what limits a server",
        )
    return (best.rows if gain > noise else None), about


def _noise(*sizes: Timed) -> float:
    return max(LEAST_NOISE, *(size.noise for size in sizes))


def _change(share: float) -> str:
    return f"{abs(share):.0%} {'better' if share >= 0 else 'worse'}"
