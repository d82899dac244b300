"""`gpux-predictor`: serve a GpuxModel on this machine, or predict a table with it."""

import gc
import logging
import sys
from pathlib import Path
from typing import Any

import click

from gpux_api.manifests import ManifestError, load
from gpux_api.v1alpha1 import GRPC_PORT

"""KServe's gRPC port, where the manifest asks for gRPC and nothing says another one."""


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gpux-predictor")
def main() -> None:
    """Serve ONNX models described by GpuxModel manifests."""


@main.command()
@click.argument("manifest", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), help="HTTP port.  [default: spec.serving.port]")
@click.option(
    "--grpc-port",
    type=click.IntRange(1, 65535),
    help="gRPC port (Open Inference Protocol).  [default: 8081 if spec.serving.protocols has grpc, else no gRPC]",
)
@click.option(
    "--model-dir",
    type=click.Path(path_type=Path),
    help="Folder (or file) with the files of spec.model.source, if they are on this machine already.",
)
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
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option(
    "--log-requests",
    is_flag=True,
    envvar="GPUX_LOG_REQUESTS",
    help="Write a JSON line for each request to stderr.  [env: GPUX_LOG_REQUESTS]",
)
def serve(  # noqa: PLR0913, PLR0917  (an argument an option)
    manifest: Path,
    host: str,
    port: int | None,
    grpc_port: int | None,
    model_dir: Path | None,
    batch_dir: Path | None,
    state_dir: Path | None,
    log_level: str,
    log_requests: bool,
) -> None:
    """Serve the model of the GpuxModel manifest FILE.

    The port opens at once; GET /health says whether the model is ready, and if not, why. Exit codes: 0 stopped by SIGTERM or
    Ctrl-C, 1 invalid manifest, 2 usage.
    """
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        model = load(manifest)
    except ManifestError as error:
        click.echo(f"gpux-predictor: {error}", err=True)
        sys.exit(1)
    serving = model.spec.serving
    ports = port or serving.port, grpc_port or (GRPC_PORT if "grpc" in serving.open_protocols else None)
    if ports[0] == ports[1]:
        raise click.UsageError(f"port {ports[0]} cannot be the HTTP and the gRPC port: choose --port or --grpc-port")
    gc.disable()  # nothing that an import makes is garbage; `run` turns it on again
    from gpux_predictor.run import Listen, Origin, default_state_dir, run  # noqa: PLC0415  (kserve takes a second to import; a wrong manifest should not)

    origin = Origin(manifest.resolve().parent, model_dir)
    state = state_dir or default_state_dir(manifest)
    run(model, origin, Listen(host, *ports), state, batch_dir=batch_dir, log_requests=log_requests)


@main.command()
@click.argument("manifest", metavar="FILE", type=click.Path(path_type=Path))
@click.option(
    "--model-dir",
    type=click.Path(path_type=Path),
    help="Folder (or file) with the files of spec.model.source, if they are on this machine already.",
)
@click.option("--entities", metavar="URI", help="The table, a uri or a path.  [default: spec.batch.entities.uri]")
@click.option(
    "--output", metavar="URI", help="The folder of the results, a uri or a path.  [default: spec.batch.output.uri]"
)
@click.option("--key-column", metavar="NAME", help="The column that names the entity.  [default: the manifest's]")
@click.option("--date-column", metavar="NAME", help="The column with dates.  [default: the manifest's]")
@click.option("--time-zone", metavar="ZONE", help="Of today in the upcoming list.  [default: the manifest's, or UTC]")
@click.option("--keep", type=click.IntRange(1, 100), help="Results that stay.  [default: the manifest's, or 2]")
@click.option(
    "--rows-per-piece",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="Rows in memory at a time, and between two points where a later run can go on.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
def batch(manifest: Path, model_dir: Path | None, log_level: str, *, as_json: bool, **options: Any) -> None:  # noqa: ANN401
    """Predict a table of entities with the model of the GpuxModel manifest FILE.

    Look-ups (GET /predict/batch/ENTITY) read the result as soon as it is whole. A run that was cut off is taken up where it was if
    table, model and manifest are the same. A row that is wrong is reported and does not stop the run. Exit codes: 0 there is a new
    result, 1 the manifest, the model, the table or the output cannot be used or runs break, 2 usage, 3 not one row could be predicted,
    4 another run writes to the output, 130 stopped by SIGTERM or Ctrl-C.
    """
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    from gpux_predictor.precomputed import command  # noqa: PLC0415  (pyarrow takes a while to import; a wrong usage should not)

    sys.exit(command.batch(manifest, model_dir, command.Options(**options), as_json=as_json))


if __name__ == "__main__":
    main()
