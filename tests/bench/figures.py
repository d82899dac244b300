"""Reading a record of the benchmark: medians over the rounds, and the ceilings that follow from the raw runs. All pure."""

import statistics
from collections.abc import Mapping
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
    rates = raw(record, model, "mixed" if mixed else "rates")
    if not rates:
        return None
    best = max(rates.values())
    decode = [found["decode"] for found in record["raw"][model] if "decode" in found]
    return 1 / (1 / best + statistics.median(decode) / 1000) if decode else best


def raw_p50(record: Record, model: str) -> float | None:
    """Milliseconds of one sample."""
    rounds = record["raw"].get(model, [])
    return statistics.median(found["p50"] for found in rounds) if rounds else None


def start(record: Record, label: str, figure: str) -> float | None:
    """The median of a figure of a server's starts; None if there were none."""
    starts = record["starts"].get(label)
    return statistics.median(entry[figure] for entry in starts) if starts else None


def disturbance(record: Record) -> float:
    """The median share of a core that neither servers nor load used while they were measured: noise by others."""
    every = [
        window["others"] for entries in record["windows"].values() for windows in entries.values() for window in windows
    ]
    return statistics.median(every) if every else 0.0


def ratio(value: float | None, to: float | None) -> float | None:
    """One by the other; None if either is missing or the second is 0."""
    return value / to if value is not None and to else None
