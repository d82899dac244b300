"""Requests that wait, in the order in which they came, by what may share a run."""

from collections import deque
from collections.abc import Callable, Hashable, Sequence

from gpux_predictor.batching.item import Item


class WaitingQueue:
    """First come, first served over all buckets; a batch takes what waits in the bucket of the oldest.

    Attributes:
        rows: samples that wait.
        share: the seconds that they are expected to take.
        items: requests that wait.
    """

    def __init__(self) -> None:
        self._buckets: dict[Hashable, deque[Item]] = {}
        self.rows = 0
        self.share = 0.0
        self.items = 0

    def __bool__(self) -> bool:
        return self.items > 0

    @property
    def oldest(self) -> float:
        """When the request that has waited longest came, on the loop's clock; there must be one."""
        return self.head.queued

    @property
    def head(self) -> Item:
        """The item that has waited longest; there must be one."""
        return min((bucket[0] for bucket in self._buckets.values()), key=lambda item: item.queued)

    def add(self, item: Item) -> None:
        """Puts an item behind those of its bucket."""
        self._buckets.setdefault(item.key, deque()).append(item)
        self._count(item, 1)

    def put_back(self, items: Sequence[Item]) -> None:
        """Puts items of one key that `take` gave before those of their bucket, in their order."""
        for item in reversed(items):
            self._buckets.setdefault(item.key, deque()).appendleft(item)
            self._count(item, 1)

    def remove(self, item: Item) -> None:
        """Takes out an item that waits."""
        bucket = self._buckets[item.key]
        bucket.remove(item)
        self._count(item, -1)
        if not bucket:
            del self._buckets[item.key]

    def take(self, most_rows: Callable[[Item], int]) -> list[Item]:
        """The next batch: the oldest item and those of its bucket that fit; at least one item.

        Args:
            most_rows: the batch limit for batches that begin with this item.
        """
        key, bucket = min(self._buckets.items(), key=lambda pair: pair[1][0].queued)
        taken: list[Item] = []
        rows, limit = 0, most_rows(bucket[0])
        while bucket and (not taken or rows + bucket[0].rows <= limit):
            item = bucket.popleft()
            rows += item.rows
            taken.append(item)
            self._count(item, -1)
        if not bucket:
            del self._buckets[key]
        return taken

    def _count(self, item: Item, sign: int) -> None:
        self.rows += sign * item.rows
        self.items += sign
        self.share = self.share + sign * item.share if self.items else 0.0
