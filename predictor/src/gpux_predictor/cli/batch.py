"""`gpux-predictor batch`: a table predicted ahead."""

import logging
import sys
from pathlib import Path
from typing import Any

import click

from gpux_predictor.cli.manifest import model_dir_option, read


@click.command(short_help="Predict a table of entities ahead.")
@click.argument("manifest", metavar="FILE", type=click.Path(path_type=Path))
@model_dir_option
@click.option("--entities", metavar="URI", help="The table, a uri or a path.  [default: spec.batch.entities.uri]")
@click.option(
    "--output", metavar="URI", help="The folder of the results, a uri or a path.  [default: spec.batch.output.uri]"
)
@click.option("--key-column", metavar="NAME", help="The column that names the entity.  [default: the manifest's]")
@click.option("--date-column", metavar="NAME", help="The column with dates.  [default: the manifest's]")
@click.option("--time-zone", metavar="ZONE", help="Of today in the upcoming list.  [default: the manifest's, or UTC]")
@click.option("--keep", type=click.IntRange(1, 100), help="Results that stay.  [default: the manifest's, or 2]")
@click.option(
    "--rows-per-piece",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="Rows in memory at a time, and between two points where a later run can go on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def batch(manifest: Path, model_dir: Path | None, log_level: str, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Predict a table of entities with the model of the GpuxModel manifest FILE.

    Look-ups (GET /predict/batch/ENTITY) read the result as soon as it is whole. A run that was cut off is taken up where it was if
    table, model and manifest are the same. A row that is wrong is reported and does not stop the run. Exit codes: 0 there is a new
    result, 1 the manifest, the model, the table or the output cannot be used or runs break, 2 usage, 3 not one row could be predicted,
    4 another run writes to the output, 130 stopped by SIGTERM or Ctrl-C.
    """
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    model = read(manifest)
    from gpux_predictor.precomputed import command  # noqa: PLC0415  (pyarrow takes a while to import; a wrong manifest should not)
    from gpux_predictor.serving.loading import Origin  # noqa: PLC0415

    origin = Origin(manifest.resolve().parent, model_dir)
    sys.exit(command.batch(model, origin, command.Options(**options), as_json=as_json))
