"""The rows of a table through a loaded model: many rows a run, and for each the answer that it would get alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from gpux_predictor.batching.joining import join
from gpux_predictor.errors import BadRequest, DeviceFailed, InferenceFailed
from gpux_predictor.serving.loading import LoadedModel
from gpux_predictor.tensors import encode
from gpux_predictor.transforms.tabular_table import Column, feeds

Answers = tuple[dict[int, bytes], dict[int, str]]
"""The predictions as JSON, and why there is none, by row."""
_GROUP = 256
"""Requests that are prepared together: a wrong one is found by halving, which costs its group eight times."""


@dataclass(frozen=True)
class Collected:
    """What came of rows.

    Attributes:
        right: their predictions.
        wrong: what is wrong with others: a 400 of /predict.
        broken: how the runs of others broke: a 500.
    """

    right: dict[int, bytes] = field(default_factory=dict)
    wrong: dict[int, str] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)


class Rows:
    """Predictions for tables, on the calling thread.

    Args:
        loaded: the model.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._pipeline = loaded.pipeline
        self._plan = loaded.plan
        self._session = loaded.session
        self._names = [tensor.name for tensor in loaded.signature.outputs]
        self._answered = False

    def features(self, columns: Mapping[str, Column], count: int) -> Answers:
        """Predictions from named features.

        Args:
            columns: by feature; those that the table does not have are absent in each row.
            count: the rows.

        Raises:
            InferenceFailed: the runs break, whatever they are given; DeviceFailed: the device broke.
        """
        tabular = self._pipeline.tabular
        assert tabular is not None  # noqa: S101  (who asks has checked)
        fed, right, wrong = feeds(tabular, columns, count)

        def predict(rows: Sequence[int]) -> list[bytes]:
            outputs = self._run({name: array[list(rows)] for name, array in fed.items()})
            return [_json(row) for row in self._pipeline.predictions(outputs, len(rows))]

        rows = np.flatnonzero(right).tolist()
        groups = [rows] if self._plan.batched and rows else [[row] for row in rows]
        return self._collect(groups, predict, wrong)

    def requests(self, rows: Sequence[Mapping[str, Any]]) -> Answers:
        """Predictions from requests.

        Args:
            rows: bodies of /predict, each of one sample.

        Raises:
            InferenceFailed: as `features`.
        """

        def predict(places: Sequence[int]) -> list[bytes]:
            if len(places) == 1:
                return [self._alone(rows[places[0]])]
            together = {key: [rows[place][key] for place in places] for key in rows[places[0]]}
            prepared = self._pipeline.prepare(together)
            outputs = self._pipeline.outputs(prepared, [self._run(part) for part in prepared.parts])
            return self._pipeline.rows(outputs, len(places))

        return self._collect(self._groups(rows), predict, {})

    def _groups(self, rows: Sequence[Mapping[str, Any]]) -> list[list[int]]:
        """Rows that are prepared together: those with the same keys."""
        if not self._plan.batched:
            return [[place] for place in range(len(rows))]
        by_keys: dict[tuple[str, ...], list[int]] = {}
        for place, row in enumerate(rows):
            by_keys.setdefault(tuple(row), []).append(place)
        return [same[i : i + _GROUP] for same in by_keys.values() for i in range(0, len(same), _GROUP)]

    def _alone(self, request: Mapping[str, Any]) -> bytes:
        prepared = self._pipeline.prepare(dict(request))
        return self._pipeline.encode(prepared, [self._run(part) for part in prepared.parts])

    def _run(self, part: Mapping[str, np.ndarray]) -> dict[str, Any]:
        return join([self._one(piece) for piece in self._plan.chunks(part)])

    def _one(self, piece: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """A run, filled up to a batch size of the device where only some run well."""
        return self._plan.split(self._session.run(self._names, self._plan.merge([piece])), [piece])[0]

    def _collect(
        self, groups: Sequence[Sequence[int]], predict: Callable[[Sequence[int]], list[bytes]], wrong: dict[int, str]
    ) -> Answers:
        """The answers, and all that is wrong.

        Raises:
            InferenceFailed: runs break, and not for the rows' sake: no row of these was answered, and there are several, or no
                row of the table was answered before.
        """
        found = collect(groups, predict)
        if found.broken and not found.right and (len(found.broken) > 1 or not self._answered):
            raise InferenceFailed(f"no run of {len(found.broken)} succeeded: {next(iter(found.broken.values()))}")
        self._answered = self._answered or bool(found.right)
        return found.right, wrong | found.wrong | found.broken


def collect(groups: Sequence[Sequence[int]], predict: Callable[[Sequence[int]], list[bytes]]) -> Collected:
    """The answers of groups of rows; a group that breaks is halved until the guilty row is alone.

    Raises:
        DeviceFailed: nothing after it would be answered either.
    """
    found = Collected()
    waiting = list(groups)
    while waiting:
        rows = waiting.pop()
        try:
            found.right.update(zip(rows, predict(rows), strict=True))
        except DeviceFailed:
            raise
        except (BadRequest, InferenceFailed) as error:
            if len(rows) > 1:
                middle = len(rows) // 2
                waiting += [rows[:middle], rows[middle:]]
            else:
                (found.wrong if isinstance(error, BadRequest) else found.broken)[rows[0]] = error.detail
    return found


def _json(prediction: Mapping[str, object]) -> bytes:
    """As `encode.value_to_json`, which most predictions do not need: orjson knows float32 and int64 by itself."""
    try:
        return orjson.dumps(prediction, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError:
        return encode.value_to_json(prediction)
