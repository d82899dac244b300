"""What the commands about a manifest share: its reading, and where its model's files are."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from gpux_api.manifests import ManifestError, load
from gpux_api.v1alpha1 import GpuxModel

model_dir_option = click.option(
    "--model-dir",
    type=click.Path(path_type=Path),
    help="Folder (or file) with the files of spec.model.source, if they are on this machine already.",
)


def read(file: Path) -> GpuxModel:
    """The GpuxModel of a file; says what is wrong with it and exits with 1 if there is none."""
    try:
        return load(file)
    except ManifestError as error:
        refused(error)


def refused(error: ManifestError) -> NoReturn:
    """Says what is wrong with a file, a problem a line, and exits with 1."""
    click.echo("\n".join(f"gpux-predictor: {line}" for line in str(error).splitlines()), err=True)
    sys.exit(1)
