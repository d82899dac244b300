"""`gpux-predictor serve`: a manifest's model over HTTP and gRPC."""

import gc
import logging
import sys
from pathlib import Path

import click

from gpux_api.v1alpha1 import GRPC_PORT, GpuxModel
from gpux_predictor.cli.manifest import model_dir_option, read


@click.command()
@click.argument("manifest", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="HTTP port.  [default: spec.serving.port]")
@click.option(
    "--grpc-port",
    type=click.IntRange(1, 65535),
    help="gRPC port (Open Inference Protocol).  [default: 8081 if spec.serving.protocols has grpc, else no gRPC]",
)
@model_dir_option
@click.option(
    "--batch-dir",
    type=click.Path(path_type=Path),
    help="Folder with the results of spec.batch.  [default: spec.batch.output.uri, if it is file://]",
)
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="GPUX_STATE_DIR",
    help="Folder for the tasks of an embedded store.  [env: GPUX_STATE_DIR; default: one for each FILE under $XDG_STATE_HOME]",
)
@click.option(
    "--api-keys-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    envvar="GPUX_API_KEYS_DIR",
    help="Folder with the keys of spec.access.apiKeys: a file for each client, its name the client's, its content the key. Changes "
    "count at once.  [env: GPUX_API_KEYS_DIR]",
)
@click.option(
    "--tls-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    envvar="GPUX_TLS_DIR",
    help="Serve over TLS, by tls.crt and tls.key of this folder; a renewed pair counts at once.  [env: GPUX_TLS_DIR]",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option(
    "--log-requests",
    is_flag=True,
    envvar="GPUX_LOG_REQUESTS",
    help="Write a JSON line for each request to stderr.  [env: GPUX_LOG_REQUESTS]",
)
@click.option(
    "--page/--no-page",
    default=True,
    envvar="GPUX_PAGE",
    help="Show browsers a page at / to try the model on.  [env: GPUX_PAGE; default: page]",
)
def serve(  # noqa: PLR0913, PLR0917  (an argument an option)
    manifest: Path,
    host: str,
    port: int | None,
    grpc_port: int | None,
    model_dir: Path | None,
    batch_dir: Path | None,
    state_dir: Path | None,
    api_keys_dir: Path | None,
    tls_dir: Path | None,
    log_level: str,
    log_requests: bool,
    page: bool,
) -> None:
    """Serve the model of the GpuxModel manifest FILE.

    The port opens at once; GET /health says whether the model is ready, and if not, why. Exit codes: 0 stopped by SIGTERM or
    Ctrl-C, 1 invalid manifest, 2 usage.
    """
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    model = read(manifest)
    serving = model.spec.serving
    ports = port or serving.port, grpc_port or (GRPC_PORT if "grpc" in serving.open_protocols else None)
    if ports[0] == ports[1]:
        raise click.UsageError(f"port {ports[0]} cannot be the HTTP and the gRPC port: choose --port or --grpc-port")
    _check_access(model, api_keys_dir, tls_dir)
    gc.disable()  # nothing that an import makes is garbage; `run` turns it on again
    from gpux_predictor.run import Listen, Origin, default_state_dir, opened, run  # noqa: PLC0415  (kserve takes a second to import; a wrong manifest should not)

    origin = Origin(manifest.resolve().parent, model_dir)
    state = state_dir or default_state_dir(manifest)
    try:
        access = opened(model.spec.access, api_keys_dir, tls_dir)
    except OSError as error:
        click.echo(f"gpux-predictor: the certificate in {tls_dir} cannot be used: {error}", err=True)
        sys.exit(1)
    listen = Listen(host, *ports)
    run(model, origin, listen, state, access=access, batch_dir=batch_dir, log_requests=log_requests, page=page)


def _check_access(model: GpuxModel, api_keys_dir: Path | None, tls_dir: Path | None) -> None:
    """What the manifest says of access is there: a model that is to be closed is never served open."""
    access = model.spec.access
    keys, tls = (None, None) if access is None else (access.api_keys, access.tls)
    if keys is not None and api_keys_dir is None:
        raise click.UsageError(
            "spec.access.apiKeys is set: give the keys by --api-keys-dir DIR, a folder with a file for each client, its name the "
            "client's, its content the key"
        )
    if keys is None and api_keys_dir is not None:
        raise click.UsageError(
            "--api-keys-dir is for spec.access.apiKeys, which the manifest does not have: add it, or leave the option out"
        )
    if tls is not None and tls_dir is None:
        raise click.UsageError(
            "spec.access.tls is set: give the certificate by --tls-dir DIR, with tls.crt and tls.key"
        )
