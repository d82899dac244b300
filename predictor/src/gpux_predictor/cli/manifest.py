"""Reading the manifest of a command."""

import sys
from pathlib import Path

import click

from gpux_api.manifests import ManifestError, load
from gpux_api.v1alpha1 import GpuxModel


def read(file: Path) -> GpuxModel:
    """The GpuxModel of a file; says what is wrong with it and exits with 1 if there is none."""
    try:
        return load(file)
    except ManifestError as error:
        click.echo("\n".join(f"gpux-predictor: {line}" for line in str(error).splitlines()), err=True)
        sys.exit(1)
