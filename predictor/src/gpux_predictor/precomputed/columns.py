"""Which columns of a table are what to a model, and the entries of a piece. Pure but for the runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

import orjson
import pyarrow as pa

from gpux_predictor.precomputed import cells
from gpux_predictor.precomputed.errors import TableError
from gpux_predictor.precomputed.pieces import Piece, Table
from gpux_predictor.precomputed.reading import Unreadable, values_of
from gpux_predictor.precomputed.store import Entry, Problem
from gpux_predictor.serving.loading import LoadedModel
from gpux_predictor.serving.rows import Answers, Rows
from gpux_predictor.tensors.values import element_of
from gpux_predictor.transforms.tabular_columns import Columns as Group

_NO_KEY = "the entity key '{}' is empty"
_ODD_KEY = "the entity key '{}' has no place in JSON: an infinity, text that is no UTF-8, or a day beyond the year 9999"


@dataclass(frozen=True)
class Choice:
    """What the user says of the table: the column with the keys (None: the manifest's entityKey), and the one with dates."""

    key: str | None
    date: str | None


class Columns:
    """The columns of one table for one model.

    Args:
        table: the file.
        choice: the key and the date.
        loaded: the model.
        zone: in which moments have their date.

    Attributes:
        key: the column with the entities' keys, and the key of answers.

    Raises:
        TableError: a column that is needed is not there.
    """

    def __init__(self, table: Table, choice: Choice, loaded: LoadedModel, zone: tzinfo) -> None:
        self._zone = zone
        self._texts = table.texts
        self._rows = Rows(loaded)
        self._tabular = loaded.pipeline.tabular
        self._needed = self._features(table) if self._tabular else self._inputs(table, loaded)
        key = self._tabular.entity_key if self._tabular else choice.key
        if self._tabular and choice.key not in {None, key}:
            raise TableError(
                f"the entities' key is '{key}', preprocessing.tabular.entityKey: remove the key column '{choice.key}'"
            )
        if key is None:
            raise TableError("which column names the entity? Write spec.batch.entities.keyColumn, or pass --key-column")
        self.key = key
        self._date = choice.date
        for name in (key, choice.date):
            if name is not None and name not in table.names:
                raise TableError(f"the table has no column '{name}'; it has {_some(table.names)}")
        self._listed = [name for name in table.names if name != key and name not in self._needed]

    def entries(self, piece: Piece) -> tuple[list[Entry], list[Problem]]:
        """The rows of a piece with their predictions, and those that have none."""
        data = piece.data
        problems = [Problem(row, None, reason) for row, reason in piece.broken]
        if not data.num_rows:
            return [], problems
        if not cells.is_plain(kind := data.column(self.key).type):
            raise TableError(f"the entity key '{self.key}' is a {kind}: make it text or a number")
        keys = cells.keys(data.column(self.key), texts=self._texts)
        days = cells.days(data.column(self._date), self._zone) if self._date else [None] * len(keys)
        listed = self._lists(data, keys)
        answers, wrong = self._predict(data)
        start = b'{"' + orjson.dumps(self.key)[1:-1] + b'":'
        entries = []
        for place, (row, key) in enumerate(zip(piece.rows.tolist(), keys, strict=True)):
            if key is None or isinstance(key, Unreadable):
                problems.append(Problem(row, None, (_NO_KEY if key is None else _ODD_KEY).format(self.key)))
                continue
            answer, entity = answers.get(place), str(key)
            if answer is None:
                problems.append(Problem(row, entity, wrong[place]))
            else:
                answer = start + orjson.dumps(key) + b',"prediction":' + answer + b"}"
            entries.append(Entry(row, entity, days[place], listed[place], answer, wrong.get(place)))
        return entries, problems

    def _features(self, table: Table) -> dict[str, bool]:
        """The features that the table has; False: no text."""
        assert self._tabular is not None  # noqa: S101
        absent = [
            name for name in self._tabular.names if name not in table.names and self._tabular.fallback(name) is None
        ]
        if absent:
            raise TableError(
                f"the table has no column for the feature '{absent[0]}', which has no default; it has {_some(table.names)}"
            )
        return dict.fromkeys([name for name in self._tabular.names if name in table.names], False)

    def _inputs(self, table: Table, loaded: LoadedModel) -> dict[str, bool]:
        """The columns that requests are made of, and whether they hold numbers."""
        keys, tensors = loaded.pipeline.takes()
        absent = [name for name in keys if name not in table.names]
        absent += [t.name for t in tensors if t.required and t.name not in table.names and t.name not in keys]
        if absent:
            raise TableError(f"the table has no column for the input '{absent[0]}'; it has {_some(table.names)}")
        kinds = {t.name: t.element is not None and t.element.kind != "s" for t in tensors}
        return {name: kinds.get(name, False) and name not in keys for name in (*keys, *kinds) if name in table.names}

    def _lists(self, data: pa.Table, keys: list[Any]) -> list[bytes]:
        """The entries of the upcoming list."""
        names = [name for name in self._listed if cells.is_plain(data.column(name).type)]
        columns = [cells.listed(data.column(name)) for name in names]
        fields = [self.key, *names]
        return [
            orjson.dumps(dict(zip(fields, row, strict=True)), default=str) for row in zip(keys, *columns, strict=True)
        ]

    def _predict(self, data: pa.Table) -> Answers:
        if self._tabular is not None:
            kinds = {name: kind for group in self._tabular.columns for name, kind in _kinds(group)}
            found = {n: cells.feature(data.column(n), texts=self._texts, kind=kinds[n]) for n in self._needed}
            return self._rows.features(found, data.num_rows)
        columns = {name: self._values(data.column(name), numbers=is_number) for name, is_number in self._needed.items()}
        return self._rows.requests(
            [
                {name: cell for name, cell in zip(columns, row, strict=True) if cell is not None}
                for row in zip(*columns.values(), strict=True)
            ]
        )

    def _values(self, column: pa.ChunkedArray, *, numbers: bool) -> list[Any]:
        """Cells as a request has them; None where there is none."""
        found = values_of(column)
        return [cells.json_of_text(cell) for cell in found] if self._texts and numbers else found


def _kinds(group: Group) -> Iterator[tuple[str, str]]:
    """The features of an input with the kind of its elements."""
    kind = element_of(group.tensor).kind
    return ((name, kind) for name in group.features)


def _some(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown
