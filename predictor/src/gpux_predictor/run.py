"""Puts the parts together and serves."""

import logging
import warnings
from pathlib import Path

import click

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.kserving.server import Server
from gpux_predictor.serving.loading import Origin
from gpux_predictor.serving.service import ModelService


def run(model: GpuxModel, manifest: Path, model_dir: Path | None, host: str, port: int) -> None:
    """Serves a model until the process is told to stop."""
    for name in ("kserve", "kserve.trace", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL if name.startswith("kserve") else logging.WARNING)
        logging.getLogger(name).addHandler(logging.NullHandler())  # or KServe installs its own configuration
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")  # KServe's V1 answers through it
    service = ModelService(model, Origin(manifest.resolve().parent, model_dir))
    click.echo(
        f"gpux-predictor: serving {service.name} on http://{host}:{port} (POST /predict, GET /health /info /metrics)",
        err=True,
    )
    Server(service, host, port).serve()
