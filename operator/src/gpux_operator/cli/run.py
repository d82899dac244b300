"""`gpux-operator run`: the operator itself."""

from platform import node
from typing import Any

import click

from gpux_operator.build.inference_service import Images
from gpux_operator.cli.options import ENV, kubeconfig_option, shared_options
from gpux_operator.settings import Settings


@click.command("run")
@shared_options
@click.option(
    "-n",
    "--namespace",
    "namespaces",
    multiple=True,
    envvar=f"{ENV}_NAMESPACES",
    show_envvar=True,
    help="Look for models here only; repeatable. [default: everywhere]",
)
@kubeconfig_option
@click.option(
    "--workers",
    default=16,
    show_default=True,
    envvar=f"{ENV}_WORKERS",
    type=click.IntRange(1, 64),
    help="Models at the same time.",
)
@click.option(
    "--resync-seconds",
    default=600.0,
    show_default=True,
    envvar=f"{ENV}_RESYNC_SECONDS",
    type=click.FloatRange(min=1),
    help="Look at every model this often, whatever happens.",
)
@click.option(
    "--metrics-port",
    default=9090,
    show_default=True,
    envvar=f"{ENV}_METRICS_PORT",
    type=click.IntRange(0, 65535),
    help="/metrics",
)
@click.option(
    "--health-port",
    default=8081,
    show_default=True,
    envvar=f"{ENV}_HEALTH_PORT",
    type=click.IntRange(0, 65535),
    help="/healthz and /readyz",
)
@click.option(
    "--log-format", default="json", show_default=True, envvar=f"{ENV}_LOG_FORMAT", type=click.Choice(["json", "plain"])
)
@click.option(
    "--log-level",
    default="info",
    show_default=True,
    envvar=f"{ENV}_LOG_LEVEL",
    type=click.Choice(["debug", "info", "warning", "error"]),
)
@click.option(
    "--instance",
    envvar=f"{ENV}_INSTANCE",
    show_envvar=True,
    help="Name of this replica in events and in the lease. [default: the host name]",
)
@click.option(
    "--leader-elect/--no-leader-elect",
    default=False,
    show_default=True,
    envvar=f"{ENV}_LEADER_ELECT",
    show_envvar=True,
    help="Act only while holding a Lease: for several replicas, of which one leads.",
)
@click.option(
    "--lease-namespace",
    envvar=f"{ENV}_LEASE_NAMESPACE",
    show_envvar=True,
    help="Where the Lease is; the operator's own namespace in a pod.",
)
@click.option(
    "--lease-name",
    default="gpux-operator",
    show_default=True,
    envvar=f"{ENV}_LEASE_NAME",
    show_envvar=True,
    help="Name of the Lease.",
)
def run_command(**options: Any) -> None:  # fmt: skip  # noqa: ANN401
    """Run the operator until it is told to end."""
    from gpux_operator.adapters import logs  # noqa: PLC0415  (render must not pay for kopf)
    from gpux_operator.app import App, PortUnavailable  # noqa: PLC0415
    from gpux_operator.kube.login import LoginError  # noqa: PLC0415

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
        prometheus=options["prometheus_url"],
        instance=options["instance"] or node(),
        lease=(options["lease_namespace"], options["lease_name"]) if options["leader_elect"] else None,
    )
    try:
        app = App(settings)
    except LoginError as error:
        raise click.ClickException(f"cannot find a way to the API server: {error}") from error
    try:
        app.run()
    except PortUnavailable as error:
        raise click.ClickException(str(error)) from error
