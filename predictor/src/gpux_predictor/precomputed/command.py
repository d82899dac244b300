"""The command `gpux-predictor batch`: from options to one run, and to an exit code."""

import gc
import signal
import sys
from dataclasses import asdict, dataclass

import click
import orjson

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.errors import LoadError, PredictorError
from gpux_predictor.precomputed import job
from gpux_predictor.precomputed.columns import Choice
from gpux_predictor.precomputed.errors import AlreadyRunning, NothingPredicted, OutputError, TableError
from gpux_predictor.precomputed.progress import Display
from gpux_predictor.precomputed.zones import UTC, is_zone
from gpux_predictor.serving.loading import Origin

UNUSABLE, NOTHING, BUSY, INTERRUPTED = 1, 3, 4, 130
_CODES: dict[type[Exception], int] = {AlreadyRunning: BUSY, NothingPredicted: NOTHING}


@dataclass(frozen=True)
class Options:
    """What the command line says instead of the manifest."""

    entities: str | None
    output: str | None
    key_column: str | None
    date_column: str | None
    time_zone: str | None
    keep: int | None
    rows_per_piece: int


def batch(model: GpuxModel, origin: Origin, options: Options, *, as_json: bool) -> int:
    """Runs the table through a model, says what came of it, and returns the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)  # which a pod's first process does not hear without a handler
    gc.set_threshold(200_000, 20, 100)  # a piece is a hundred thousand objects without a cycle among them
    try:
        with Display() as display:
            done = job.run(model, origin, _order(model, options), display)
    except PredictorError as error:
        message = f"{error.reason}: {error.message}" if isinstance(error, LoadError) else str(error)
        click.echo(f"gpux-predictor: {message}", err=True)
        return _CODES.get(type(error), UNUSABLE)
    except KeyboardInterrupt:
        click.echo("gpux-predictor: stopped; the same command goes on from here", err=True)
        return INTERRUPTED
    if as_json:
        sys.stdout.buffer.write(orjson.dumps(asdict(done), default=str, option=orjson.OPT_APPEND_NEWLINE))
        sys.stdout.buffer.flush()
    else:
        click.echo(_summary(done))
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _order(model: GpuxModel, options: Options) -> job.Order:
    """The options, and what the manifest says where they say nothing.

    Raises:
        TableError, OutputError: neither says it.
    """
    spec = model.spec.batch
    table = spec.entities if spec else None
    entities = options.entities or (table.uri if table else None)
    output = options.output or (spec.output.uri if spec else None)
    if entities is None:
        raise TableError("which table? Write spec.batch.entities.uri, or pass --entities")
    if output is None:
        raise OutputError("where to? Write spec.batch.output.uri, or pass --output")
    choice = Choice(
        options.key_column or (table.key_column if table else None),
        options.date_column or (table.date_column if table else None),
    )
    zone = options.time_zone or (spec.time_zone if spec else UTC)
    if not is_zone(zone):
        raise TableError(f"there is no time zone '{zone}': write for instance Europe/London")
    return job.Order(
        entities, output, choice, zone, options.keep or (spec.output.keep if spec else 2), options.rows_per_piece
    )


def _summary(done: job.Done) -> str:
    resumed = f", {done.resumed} of them by an earlier run" if done.resumed else ""
    failed = f"; {done.failed} failed: see {done.errors}" if done.errors else ""
    return f"{done.rows} rows{resumed}{failed}\n{done.result}"
