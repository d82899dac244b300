"""`gpux-operator validate`: what would be refused of manifests."""

import sys

import click

from gpux_operator.cli.options import kserve_option
from gpux_operator.validation.command import validate


@click.command("validate", short_help="Check manifests with no cluster.")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of models that name none.")
@click.option(
    "--against",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="The models as they are now (kubectl get gpuxmodel -o yaml): find changes that the API server refuses, too.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@kserve_option
def validate_command(files: tuple[str, ...], namespace: str, against: str | None, output: str, new_names: bool) -> None:
    """Say what the API server, the admission policy and the operator would say of the GpuxModels in FILES, with no cluster.

    FILES are files, folders with *.yaml, *.yml and *.json, or - for standard input. Each problem is a line FILE:DOCUMENT: field:
    what is wrong, and what to write instead; warnings are about what is valid and probably not meant. Exit codes: 0 valid,
    1 invalid, 2 usage.
    """
    if [*files, against].count("-") > 1:
        raise click.UsageError("standard input can be read once: name - once")
    sys.exit(validate(files, against, namespace, output, sys.stdin, new_names))
