"""`gpux-operator render`: what would be applied for manifests."""

import json
import sys

import click

from gpux_operator.build.inference_service import Images, Platform
from gpux_operator.build.text import yaml_text
from gpux_operator.cli.options import kserve_option, shared_options
from gpux_operator.render import render
from gpux_operator.settings import DEFAULT_IMAGE


@click.command("render", short_help="Print what would be applied for manifests.")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of models that name none.")
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@kserve_option
@shared_options
def render_command(files: tuple[str, ...], namespace: str, output: str, new_names: bool, **options: str | None) -> None:
    """Print what would be applied for the GpuxModels in FILES, with no cluster.

    FILES are files, folders with *.yaml, *.yml and *.json, or - for standard input. They are checked as by validate. Exit codes:
    0 all is printed, 1 one is invalid and nothing is printed, 2 usage.
    """
    images = Images(options["predictor_image"] or DEFAULT_IMAGE, options["predictor_gpu_image"])
    platform = Platform(images, options["prometheus_url"])
    manifests, problems = render(files, namespace, platform, new_names, sys.stdin)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    if output == "json":
        click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2))
    else:
        click.echo(yaml_text(*manifests), nl=False)
