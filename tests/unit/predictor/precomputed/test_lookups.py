"""A result that goes away under a server."""

import asyncio
from pathlib import Path

import pytest

from gpux_predictor.errors import NotReady
from gpux_predictor.precomputed.lookups import Lookups
from gpux_predictor.precomputed.store import Entry, Store


def publish(folder: Path) -> Path:
    store = Store(folder / ".part-k.sqlite", "k")
    store.add([Entry(row, f"e{row}", None, b"{}", b"[1]" * 1000, None) for row in range(100)], [], 100)
    return folder / store.publish("20300101T000000Z-00000000", finished=1.0, dates=0, time_zone="Etc/UTC")


def test_a_result_that_is_gone_is_no_result_that_never_was(tmp_path: Path) -> None:
    lookups = Lookups(tmp_path)
    with pytest.raises(LookupError):
        asyncio.run(lookups.find("e1"))
    file = publish(tmp_path)
    lookups._looked = float("-inf")
    assert asyncio.run(lookups.find("e1")) is not None
    file.write_bytes(b"no database" * 5)
    for _ in range(2):
        with pytest.raises(NotReady, match="The batch result cannot be read"):
            asyncio.run(lookups.find("e90"))
    publish(tmp_path)
    lookups._looked = float("-inf")
    assert asyncio.run(lookups.find("e90")) is not None
