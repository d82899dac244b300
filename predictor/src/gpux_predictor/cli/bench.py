"""`gpux-predictor bench`: what batches cost, and whether other settings than the defaults would pay."""

import logging
import sys
from pathlib import Path

import click
import orjson

from gpux_predictor.cli.manifest import model_dir_option, read


@click.command("bench", short_help="Measure batches, and recommend settings.")
@click.argument("manifest", metavar="FILE", type=click.Path(path_type=Path))
@model_dir_option
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def bench_command(manifest: Path, model_dir: Path | None, output: str) -> None:
    """Measure batches of the model of the GpuxModel manifest FILE, and print what to write into spec.runtime.

    One run after another, with all CPUs for a run and with fewer; a recommendation is made only where it is beyond the noise of
    this machine at this time. Exit codes: 0 measured, 1 the model cannot be loaded, or no sample runs, or an invalid manifest,
    2 usage.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    model = read(manifest)
    from gpux_predictor.cli import benching, display  # noqa: PLC0415  (ONNX Runtime takes a while to import; a wrong manifest should not)
    from gpux_predictor.errors import PredictorError  # noqa: PLC0415
    from gpux_predictor.serving.loading import Origin  # noqa: PLC0415

    try:
        with display.Status() as status:
            found = benching.bench(model, Origin(manifest.resolve().parent, model_dir), status)
    except PredictorError as error:
        click.echo(f"gpux-predictor: {getattr(error, 'reason', type(error).__name__)}: {error}", err=True)
        sys.exit(1)
    if output == "json":
        click.echo(orjson.dumps(found.describe(), option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(benching.text(found))
