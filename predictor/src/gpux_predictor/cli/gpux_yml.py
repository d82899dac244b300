"""`gpux-predictor import`: the GpuxModel manifest of a gpux.yml."""

import sys
from pathlib import Path

import click
import yaml

from gpux_api.manifests import ManifestError, documents, parse
from gpux_predictor.cli.conversion import convert

LOST = 3


@click.command("import")
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
            raise click.ClickException(f"{file}: expected one mapping with name, model, inputs and outputs")
        manifest, notes = convert(found[0])
        parse(manifest, str(file))
    except ManifestError as error:
        click.echo("\n".join(f"gpux-predictor: {line}" for line in str(error).splitlines()), err=True)
        sys.exit(1)
    for note in notes:
        kind = click.style("not converted: ", fg="red") if note.lost else click.style("note: ", fg="yellow")
        click.echo(f"{file}: {kind}{note.path}: {note.message}", err=True)
    click.echo(yaml.safe_dump(manifest, sort_keys=False, allow_unicode=True, width=120), nl=False)
    sys.exit(LOST if any(note.lost for note in notes) else 0)
