"""The command `gpux-operator`."""

import json
import platform
import sys
from pathlib import Path
from typing import Any

import click

from gpux_operator.build.inference_service import Images
from gpux_operator.build.text import yaml_text
from gpux_operator.render import render
from gpux_operator.settings import DEFAULT_IMAGE, Settings

_ENV = "GPUX"
_images = [
    click.option("--predictor-image", default=DEFAULT_IMAGE, show_default=True, envvar=f"{_ENV}_PREDICTOR_IMAGE", show_envvar=True,
                 help="Image of models that name none."),
    click.option("--predictor-gpu-image", envvar=f"{_ENV}_PREDICTOR_GPU_IMAGE", show_envvar=True,
                 help="The same for models with a GPU. [default: the predictor image]"),
]  # fmt: skip


def image_options(command: Any) -> Any:  # noqa: ANN401  (click's decorators have no better type)
    """The options about images, which both commands have."""
    for option in reversed(_images):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gpux-operator")
def main() -> None:
    """Serve ONNX models with KServe: reconciles GpuxModel resources."""


@main.command("render")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-n", "--namespace", help="Namespace of models that name none. [default: default]")
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@image_options
def render_command(
    files: tuple[Path, ...], namespace: str | None, output: str, predictor_image: str, predictor_gpu_image: str | None
) -> None:
    """Print what would be applied for the GpuxModels in FILES, with no cluster. Exits with 1 if one is invalid."""
    manifests, problems = render(files, namespace, Images(predictor_image, predictor_gpu_image))
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    if output == "json":
        click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2))
    else:
        click.echo(yaml_text(*manifests), nl=False)


@main.command("run")
@image_options
@click.option(
    "-n",
    "--namespace",
    "namespaces",
    multiple=True,
    envvar=f"{_ENV}_NAMESPACES",
    show_envvar=True,
    help="Look for models here only; repeatable. [default: everywhere]",
)
@click.option(
    "--kubeconfig",
    envvar=f"{_ENV}_KUBECONFIG",
    show_envvar=True,
    type=click.Path(dir_okay=False, exists=True),
    help="Log in with this file. [default: the pod's ServiceAccount, else the user's own]",
)
@click.option(
    "--workers",
    default=16,
    show_default=True,
    envvar=f"{_ENV}_WORKERS",
    type=click.IntRange(1, 64),
    help="Models at the same time.",
)
@click.option(
    "--resync-seconds",
    default=600.0,
    show_default=True,
    envvar=f"{_ENV}_RESYNC_SECONDS",
    type=click.FloatRange(min=1),
    help="Look at every model this often, whatever happens.",
)
@click.option(
    "--metrics-port",
    default=9090,
    show_default=True,
    envvar=f"{_ENV}_METRICS_PORT",
    type=click.IntRange(0, 65535),
    help="/metrics",
)
@click.option(
    "--health-port",
    default=8081,
    show_default=True,
    envvar=f"{_ENV}_HEALTH_PORT",
    type=click.IntRange(0, 65535),
    help="/healthz and /readyz",
)
@click.option(
    "--log-format", default="json", show_default=True, envvar=f"{_ENV}_LOG_FORMAT", type=click.Choice(["json", "plain"])
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    envvar=f"{_ENV}_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"]),
)
@click.option(
    "--instance",
    envvar=f"{_ENV}_INSTANCE",
    show_envvar=True,
    help="Name of this replica in events and in the lease. [default: the host name]",
)
@click.option(
    "--leader-elect/--no-leader-elect",
    default=False,
    show_default=True,
    envvar=f"{_ENV}_LEADER_ELECT",
    show_envvar=True,
    help="Act only while holding a Lease: for several replicas, of which one leads.",
)
@click.option(
    "--lease-namespace",
    envvar=f"{_ENV}_LEASE_NAMESPACE",
    show_envvar=True,
    help="Where the Lease is; the operator's own namespace in a pod.",
)
@click.option(
    "--lease-name",
    default="gpux-operator",
    show_default=True,
    envvar=f"{_ENV}_LEASE_NAME",
    show_envvar=True,
    help="Name of the Lease.",
)
def run_command(**options: Any) -> None:  # fmt: skip  # noqa: ANN401
    """Run the operator until it is told to end."""
    from gpux_operator.adapters import logs  # noqa: PLC0415  (render must not pay for kopf and the Kubernetes client)
    from gpux_operator.app import App  # noqa: PLC0415

    if options["leader_elect"] and not options["lease_namespace"]:
        raise click.UsageError("--leader-elect needs --lease-namespace: the namespace of the operator's Lease")
    logs.configure(options["log_format"], options["log_level"])
    settings = Settings(
        images=Images(options["predictor_image"], options["predictor_gpu_image"]),
        namespaces=tuple(options["namespaces"]),
        kubeconfig=options["kubeconfig"],
        workers=options["workers"],
        resync_seconds=options["resync_seconds"],
        metrics_port=options["metrics_port"],
        health_port=options["health_port"],
        instance=options["instance"] or platform.node(),
        lease=(options["lease_namespace"], options["lease_name"]) if options["leader_elect"] else None,
    )
    try:
        app = App(settings)
    except Exception as error:  # kubernetes' ConfigException; imported it would be paid for by render
        raise click.ClickException(f"cannot find a way to the API server: {error}") from error
    app.run()


if __name__ == "__main__":
    main()
