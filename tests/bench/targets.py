"""Where the project wants to be, against where it is: each target a figure of the record and a limit. All pure."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .figures import Record, beyond, by_round, ceilings, paired, ratio, raw_p50, start

OURS, OURS_BINARY = "gpux-predictor", "gpux-predictor V2 binary"
TINY, TINY_ALONE = "tiny, JSON, c=64", "tiny, JSON, c=1"
TEXT, TEXT_ALONE = "encoder, JSON, c=64", "encoder, JSON, c=1"
BINARY, IMAGE_JSON, JPEG = "image, binary, c=16", "image, JSON, c=16", "JPEG, c=16"
_MEETS = {"≥": operator.ge, "≤": operator.le}


@dataclass(frozen=True)
class Target:
    """One limit: what is compared, which way, and with what."""

    case: str
    what: str
    sign: str
    limit: float
    find: Callable[[Record], float | None]

    def met(self, found: float) -> bool:
        """Whether a figure is within the limit."""
        return bool(_MEETS[self.sign](found, self.limit))


def _against(case: str, other: str, ours: str = OURS) -> Callable[[Record], float | None]:
    return lambda record: paired(by_round(record, case, ours, "rate"), by_round(record, case, other, "rate"))


def _of_ceiling(case: str, model: str, ours: str = OURS) -> Callable[[Record], float | None]:
    return lambda record: paired(by_round(record, case, ours, "rate"), ceilings(record, model))


def _added(record: Record) -> float | None:
    return beyond(by_round(record, TEXT_ALONE, OURS, "p50"), raw_p50(record, "encoder"))


def _goodput(record: Record) -> float | None:
    found: Mapping[str, float | None] = record.get("overload", {}).get(OURS, {})
    return ratio(found.get("goodput"), found.get("capacity"))


def _share(record: Record, *statuses: str) -> float | None:
    """The share of the callers that got one of these."""
    found = record.get("overload", {}).get(OURS, {}).get("statuses")
    if not found:
        return None
    everyone = sum(count for status, count in found.items() if status != "late")
    return float(sum(found.get(status, 0) for status in statuses) / everyone)


def _neither(record: Record) -> float | None:
    share, late = _share(record, "200", "429"), _share(record, "late")
    return None if share is None or late is None else 1 - share + late


def _start(figure: str) -> Callable[[Record], float | None]:
    return lambda record: paired(start(record, OURS, figure), start(record, "KServe", figure))


TARGETS = (
    Target(TINY, "rate, of the bare server's", "≥", 0.85, _against(TINY, "bare ASGI")),
    Target(TINY, "rate, times KServe V1's", "≥", 6, _against(TINY, "KServe V1")),
    Target(TINY, "rate, times `gpux serve`'s", "≥", 5, _against(TINY, "gpux serve")),
    Target(TINY_ALONE, "rate, of the bare server's", "≥", 0.8, _against(TINY_ALONE, "bare ASGI")),
    Target(TEXT, "rate, of raw at its best batch", "≥", 0.93, _of_ceiling(TEXT, "encoder")),
    Target(TEXT_ALONE, "p50 beyond raw, ms", "≤", 0.35, _added),
    Target(BINARY, "rate, of raw at its best batch", "≥", 0.93, _of_ceiling(BINARY, "image", OURS_BINARY)),
    Target(BINARY, "rate, times KServe V2 binary's", "≥", 5, _against(BINARY, "KServe V2 binary", OURS_BINARY)),
    Target(IMAGE_JSON, "rate, times the bare server's", "≥", 1.2, _against(IMAGE_JSON, "bare ASGI")),
    Target(JPEG, "rate, of raw and Pillow's decoding", "≥", 0.9, _of_ceiling(JPEG, "jpeg")),
    Target("overload", "goodput, of the capacity", "≥", 0.9, _goodput),
    Target("overload", "callers with neither 200 in time nor 429, share", "≤", 0.01, _neither),
    Target("start to first answer, tiny", "time, of KServe's", "≤", 1, _start("ready_seconds")),
    Target("memory when ready, tiny", "RSS, of KServe's", "≤", 1.2, _start("rss_megabytes")),
)
