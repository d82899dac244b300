"""Puts the parts together and serves."""

import gc
import logging
import os
import socket
import sys
import warnings
from pathlib import Path

import click

from gpux_api.v1alpha1 import GpuxModel
from gpux_predictor.access.opened import EVERYBODY, Access, opened
from gpux_predictor.engine import cpus
from gpux_predictor.errors import LoadError
from gpux_predictor.http.observers import request_log
from gpux_predictor.kserving.given import Heard, Listen, Ways
from gpux_predictor.kserving.server import Server
from gpux_predictor.precomputed import places
from gpux_predictor.precomputed.errors import OutputError
from gpux_predictor.precomputed.lookups import Lookups
from gpux_predictor.serving.loading import Origin
from gpux_predictor.serving.service import ModelService
from gpux_predictor.tasks.build import default_state_dir, task_service
from gpux_predictor.tasks.service import TaskService
from gpux_predictor.tracing import Tracer, tracer

__all__ = ["Listen", "Origin", "default_state_dir", "opened", "run"]


def run(  # noqa: PLR0913
    model: GpuxModel,
    origin: Origin,
    listen: Listen,
    state_dir: Path,
    *,
    access: Access = EVERYBODY,
    batch_dir: Path | None = None,
    log_requests: bool = False,
    page: bool = True,
) -> None:
    """Serves a model until the process is told to stop; exits with 1 if an address cannot be listened on.

    Args:
        state_dir: where an embedded store keeps the tasks.
        access: who is let in.
        batch_dir: where the results of spec.batch are; None to find them by its output's uri.
        page: whether `/` shows browsers a page to try the model on.
    """
    host, port, grpc_port = listen.host, listen.port, listen.grpc_port
    _check_address(host, port, "--port")
    if grpc_port is not None:
        _check_address(host, grpc_port, "--grpc-port")
    for name in ("kserve", "kserve.trace", "uvicorn.access", "uvicorn.error", "python_multipart"):
        logging.getLogger(name).setLevel(logging.WARNING if name.startswith("uvicorn") else logging.CRITICAL)
        logging.getLogger(name).addHandler(logging.NullHandler())  # or KServe installs its own configuration
    warnings.filterwarnings("ignore", message="ORJSONResponse is deprecated")  # KServe's V1 answers through it
    os.environ.setdefault("RAYON_NUM_THREADS", str(cpus.available()))  # tokenizers count the machine's cores
    service = ModelService(model, origin)
    shown = f"[{host}]" if ":" in host else host
    grpc = "" if grpc_port is None else f" and grpc://{shown}:{grpc_port}"
    scheme = "http" if access.certificate is None else "https"
    to_try = ", a page to try it on at /" if page else ""
    click.echo(
        f"gpux-predictor: serving {service.name} on {scheme}://{shown}:{port} "
        f"(POST /predict, GET /health /info /metrics{to_try}){grpc}",
        err=True,
    )
    heard = Heard([request_log()] if log_requests else [], _tracer())
    ways = Ways(_tasks(service, state_dir, heard.tracer), _lookups(model, origin, batch_dir), page)
    server = Server(service, listen, heard, ways, access)
    _calm_the_collector()
    server.serve()


def _tracer() -> Tracer | None:
    try:
        return tracer()
    except LoadError as error:
        click.echo(f"gpux-predictor: {error.message}", err=True)
        sys.exit(1)


def _lookups(model: GpuxModel, origin: Origin, batch_dir: Path | None) -> Lookups | str:
    """Look-ups in the results of spec.batch, or why there are none; the model serves in any case."""
    if batch_dir is not None:
        return Lookups(batch_dir)
    if model.spec.batch is None:
        return "no predictions are computed ahead: the manifest has no spec.batch"
    try:
        return Lookups(places.folder(model.spec.batch.output.uri, origin.manifest_dir, "--batch-dir"))
    except OutputError as error:
        return f"spec.batch.output: {error}"


def _tasks(service: ModelService, state_dir: Path, traced: Tracer | None) -> TaskService | None:
    """The model's tasks; where the environment lacks what they need, the model is not served, and /health says why."""
    try:
        return task_service(service, state_dir, traced)
    except LoadError as error:
        service.refuse(error)
        return None


def _check_address(host: str, port: int, option: str) -> None:
    """Says what is wrong before anything is loaded; uvicorn would, in the middle of it, by its exit code."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.create_server((host, port), family=family):
            pass
    except OSError as error:
        number = error.errno or 0
        why = os.strerror(number) if number > 0 else error.strerror  # getaddrinfo has negative numbers of its own
        click.echo(f"gpux-predictor: cannot listen on {host} port {port}: {why}: choose --host and {option}", err=True)
        sys.exit(1)


def _calm_the_collector() -> None:
    """A large JSON body is millions of new lists and numbers without a cycle among them.

    With the default threshold the collector walks them again and again while it holds the interpreter: 20 MB took 4.7 s to
    parse, and 0.8 s without it. What the imports made stays for ever and need not be walked at all.
    """
    gc.freeze()
    gc.enable()
    gc.set_threshold(200_000, 20, 100)
