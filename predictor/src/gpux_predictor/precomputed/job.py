"""One run: a table through a model into a result that look-ups read."""

import hashlib
import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import orjson

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.engine import source
from gpux_predictor.engine.versions import versions
from gpux_predictor.precomputed import layout, places, zones
from gpux_predictor.precomputed.columns import Choice, Columns
from gpux_predictor.precomputed.errors import NothingPredicted
from gpux_predictor.precomputed.folder import locked, remove_other_parts
from gpux_predictor.precomputed.pieces import Table, following, same_file, version_of
from gpux_predictor.precomputed.store import Progress, Store
from gpux_predictor.precomputed.table import open_table
from gpux_predictor.serving.loading import LoadedModel, Origin, load

logger = logging.getLogger(__name__)
ROWS_PER_PIECE = 10_000
Tell = Callable[[Progress, int | None], None]
"""Hears how far the run is, and of all rows there are (None: unknown)."""


@dataclass(frozen=True)
class Order:
    """What to run.

    Attributes:
        entities: where the table is: a uri or a path.
        output: the folder of the results: a uri or a path.
        choice: the columns with the key and the date.
        time_zone: in which a row's date is today, for the upcoming list.
        keep: results that stay.
        rows_per_piece: rows between two points where a later run can go on.
    """

    entities: str
    output: str
    choice: Choice
    time_zone: str = "Etc/UTC"
    keep: int = 2
    rows_per_piece: int = ROWS_PER_PIECE


@dataclass(frozen=True)
class Done:
    """What came of a run.

    Attributes:
        result: the file.
        rows: rows of the table.
        failed: rows without a prediction.
        resumed: rows that an earlier run had done.
        errors: the file that lists the first of the failed rows, if there are any.
    """

    result: Path
    rows: int
    failed: int
    resumed: int
    errors: Path | None


def run(model: GpuxModel, origin: Origin, order: Order, tell: Tell = lambda *_: None) -> Done:
    """Predicts a table, from where an earlier run of the same table, model and manifest was cut off.

    Args:
        model: the manifest.
        origin: where its files are.
        order: the table and the output.
        tell: hears of each piece.

    Raises:
        LoadError: the model cannot be loaded.
        TableError, OutputError: the table cannot be read, the folder not be written.
        AlreadyRunning: another run writes to the folder.
        NothingPredicted: every row failed.
        InferenceFailed: runs break, and not for the rows' sake; a later run goes on.
    """
    folder = places.folder(order.output, origin.manifest_dir)
    with locked(folder), places.table(order.entities, origin.manifest_dir) as file:
        version = version_of(file)
        table = open_table(file)
        loaded = load(model, origin)
        columns = Columns(table, order.choice, loaded, zones.zone(order.time_zone))
        key = _key(model, loaded, order, file)
        remove_other_parts(folder, key)
        with closing(Store(folder / f"{layout.PART}{key}.sqlite", key)) as store:
            resumed = store.progress.rows
            _predict(
                store,
                replace(table, pieces=lambda size: same_file(table.pieces(size), file, version)),
                columns,
                order,
                tell,
            )
            return _publish(store, folder, model, loaded, order, resumed)


def _predict(store: Store, table: Table, columns: Columns, order: Order, tell: Tell) -> None:
    if store.progress.pieces:
        logger.info("going on after %d rows that an earlier run has done", store.progress.rows)
    tell(store.progress, table.count)
    done = table.first - 1 + store.progress.rows
    for piece in following(table.pieces(order.rows_per_piece), done):
        entries, problems = columns.entries(piece)
        store.add(entries, problems, piece.data.num_rows + len(piece.broken))
        tell(store.progress, table.count)


def _publish(  # noqa: PLR0913, PLR0917
    store: Store, folder: Path, model: GpuxModel, loaded: LoadedModel, order: Order, resumed: int
) -> Done:
    progress, finished = store.progress, datetime.now(UTC)
    if progress.rows and progress.failed == progress.rows:
        why = store.first_problem()
        store.discard()  # the next run is to try again: what the rows needed may be there by then
        raise NothingPredicted(f"none of {progress.rows} rows could be predicted: {why}")
    identity = {"name": model.metadata.name, "version": model.spec.model.version, "run_id": model.spec.model.run_id}
    name = store.publish(
        layout.name(finished, store.key),
        finished=finished.timestamp(),
        dates=int(order.choice.date is not None),
        time_zone=order.time_zone,
        model=orjson.dumps(identity | {"sha256": loaded.sha256}).decode(),
    )
    layout.tidy(folder, name, order.keep)
    errors = folder / f"{name.partition('.')[0]}.errors.jsonl"
    return Done(folder / name, progress.rows, progress.failed, resumed, errors if errors.exists() else None)


def _key(model: GpuxModel, loaded: LoadedModel, order: Order, file: Path) -> str:
    """What a result is made from, as a digest: a run goes on with the work of one that had the same."""
    parts = {"preprocessing", "postprocessing", "inputs", "outputs"}
    made_from = [
        [layout.FORMAT, metadata.version("gpux-predictor")],
        model.spec.model_dump(mode="json", by_alias=True, include=parts),
        [model.spec.model.version, model.spec.model.run_id],
        model.spec.runtime.batching and model.spec.runtime.batching.batch_axis,
        [loaded.sha256, loaded.pipeline.digest(), loaded.session.providers, versions()],
        [file.name, source.digest(file), order.choice.key, order.choice.date, order.rows_per_piece],
        [order.time_zone],
    ]
    return hashlib.sha256(orjson.dumps(made_from)).hexdigest()[:32]
