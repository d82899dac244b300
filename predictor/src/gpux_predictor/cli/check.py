"""`gpux-predictor check`: whether a manifest's model would become ready, and what is found on the way."""

import logging
import sys
from pathlib import Path

import click
import orjson

from gpux_predictor.cli.manifest import model_dir_option, read


@click.command("check", short_help="Say whether a model would become ready.")
@click.argument("manifest", metavar="FILE", type=click.Path(path_type=Path))
@model_dir_option
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check_command(manifest: Path, model_dir: Path | None, output: str) -> None:
    """Load the model of the GpuxModel manifest FILE, run its samples, and say whether it would become ready.

    Nothing is served. JSON is the body of GET /info with ready, reason, detail and samples beside it. Exit codes: 0 ready, 1 not
    ready, with the reason that GET /health would give, or an invalid manifest, 2 usage.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    model = read(manifest)
    from gpux_predictor.cli import checking, display  # noqa: PLC0415  (ONNX Runtime takes a while to import; a wrong manifest should not)
    from gpux_predictor.serving.loading import Origin  # noqa: PLC0415

    with display.Status() as status:
        report = checking.examine(model, Origin(manifest.resolve().parent, model_dir), status)
    if output == "json":
        described = orjson.dumps(report.describe(), option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
        click.echo(described.decode())
    else:
        click.echo(checking.text(report))
    sys.exit(0 if report.health.ready else 1)
