"""Reading a record of the benchmark: medians over the rounds, and the ceilings that follow from the raw runs. All pure.

What is compared was measured within a minute of each other in every round: the machine's speed changes by a third from one minute
to the next. So a ratio is the median of the rounds' own ratios, not that of medians.
"""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
"""What `__main__.measure` writes: the fields of `rounds.Results`, with `machine`, `packages`, `models`, `plan` and `overload`."""


def median(record: Record, case: str, entry: str, figure: str) -> float | None:
    """The median over the rounds of a field of `load.Window`; None if it was not measured."""
    windows = record["windows"].get(case, {}).get(entry)
    return statistics.median(window[figure] for window in windows) if windows else None


def spread(record: Record, case: str, entry: str) -> float:
    """How far the rounds' rates are apart, as a share of their median."""
    rates = [window["rate"] for window in record["windows"][case][entry]]
    middle = statistics.median(rates)
    return (max(rates) - min(rates)) / middle if middle else 0.0


def raw(record: Record, model: str, key: str = "rates") -> dict[int, float]:
    """Samples a second of raw onnxruntime by batch size, medians over the rounds; `key` may be `mixed`. Empty if not measured."""
    rounds = record["raw"].get(model, [])
    sizes = rounds[0].get(key, {}) if rounds else {}
    return {int(size): statistics.median(found[key][size] for found in rounds) for size in sizes}


def ceiling(record: Record, model: str, *, mixed: bool = False) -> float | None:
    """The most samples a second that onnxruntime alone gives: at its best batch size, after decoding where there is some."""
    found = ceilings(record, model, mixed=mixed)
    return statistics.median(found) if found else None


def ceilings(record: Record, model: str, *, mixed: bool = False) -> list[float]:
    """The same, round by round, at the batch size that is best over all of them."""
    key = "mixed" if mixed else "rates"
    rates = raw(record, model, key)
    if not rates:
        return []
    best = str(max(rates, key=lambda size: rates[size]))
    return [_after_decoding(found[key][best], found.get("decode")) for found in record["raw"][model]]


def _after_decoding(rate: float, milliseconds: float | None) -> float:
    return rate if milliseconds is None else 1 / (1 / rate + milliseconds / 1000)


def by_round(record: Record, case: str, entry: str, figure: str) -> list[float]:
    """A field of `load.Window`, round by round."""
    return [window[figure] for window in record["windows"].get(case, {}).get(entry, [])]


def raw_p50(record: Record, model: str) -> list[float]:
    """Milliseconds of one sample, round by round."""
    return [found["p50"] for found in record["raw"].get(model, [])]


def start(record: Record, label: str, figure: str) -> list[float]:
    """A figure of a server's starts, round by round."""
    return [entry[figure] for entry in record["starts"].get(label, [])]


def paired(values: Sequence[float], others: Sequence[float]) -> float | None:
    """The median ratio of what was measured in the same round; None if one of them was not, in any."""
    ratios = [value / other for value, other in zip(values, others, strict=False) if other]
    return statistics.median(ratios) if ratios else None


def beyond(values: Sequence[float], others: Sequence[float]) -> float | None:
    """The median difference of what was measured in the same round; None if one of them was not, in any."""
    found = [value - other for value, other in zip(values, others, strict=False)]
    return statistics.median(found) if found else None


def disturbance(record: Record) -> float:
    """The median share of a core that neither servers nor load used while they were measured: noise by others."""
    every = [
        window["others"] for entries in record["windows"].values() for windows in entries.values() for window in windows
    ]
    return statistics.median(every) if every else 0.0


def ratio(value: float | None, to: float | None) -> float | None:
    """One by the other; None if either is missing or the second is 0."""
    return value / to if value is not None and to else None
