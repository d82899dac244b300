"""`gpux-predictor import`: the GpuxModel manifest of a gpux.yml."""

import sys
from pathlib import Path

import click
import yaml

from gpux_api.manifests import ManifestError, Problem, documents, parse
from gpux_predictor.cli.conversion import convert
from gpux_predictor.cli.manifest import refused

LOST = 3
_EXPECTED = "expected one mapping with name, model, inputs and outputs"


@click.command("import", short_help="Print the manifest of a gpux.yml.")
@click.argument("file", metavar="GPUX_YML", type=click.Path(path_type=Path))
def import_command(file: Path) -> None:
    """Print the GpuxModel manifest of GPUX's own GPUX_YML.

    What has no counterpart is said on stderr, and what deserves a second look too. Save the manifest beside GPUX_YML, as the model's
    file is named relative to it. Exit codes: 0 all of it is in the manifest, 1 not a gpux.yml, or no valid manifest can be made of
    it, 2 usage, 3 the manifest is there, but something had no counterpart.
    """
    try:
        found = documents(file)
        if len(found) != 1 or not isinstance(found[0], dict):
            raise ManifestError(file, [Problem("", _EXPECTED)])
        if "kind" in found[0] and "name" not in found[0]:
            raise ManifestError(file, [Problem("", f"{_EXPECTED}, found a manifest of kind {found[0]['kind']}")])
        manifest, notes = convert(found[0])
        parse(manifest, str(file))
    except ManifestError as error:
        refused(error)
    for note in notes:
        kind = click.style("not converted: ", fg="red") if note.lost else click.style("note: ", fg="yellow")
        click.echo(f"{file}: {kind}{note.path}: {note.message}", err=True)
    click.echo(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120), nl=False)
    sys.exit(LOST if any(note.lost for note in notes) else 0)
