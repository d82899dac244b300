"""`gpux-operator check`: whether a cluster is fit, and an operator there."""

import sys

import click

from gpux_operator.cli.options import kubeconfig_option


@click.command("check", short_help="Say whether a cluster takes GpuxModels.")
@click.option("-n", "--namespace", default="default", show_default=True, help="Where a GpuxModel is tried.")
@kubeconfig_option
@click.option("--lease-namespace", help="Namespace of the operator's Lease. [default: no operator is looked for]")
@click.option("--lease-name", default="gpux", show_default=True, help="Name of the Lease: the release's.")
@click.option(
    "--wait-seconds",
    default=20.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="How long an operator may take to begin.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check_command(  # noqa: PLR0913, PLR0917
    namespace: str,
    kubeconfig: str | None,
    lease_namespace: str | None,
    lease_name: str,
    wait_seconds: float,
    output: str,
) -> None:
    """Say whether a cluster takes GpuxModels, and whether an operator acts on them. Nothing is stored.

    The API server is asked for its version, and to admit a good and a bad GpuxModel (as a dry run), and the Lease is watched until
    it is renewed. Exit codes: 0 all is well, or there are warnings only, as when KServe is missing; 1 models cannot be served.
    """
    from gpux_operator.cluster import Question, report  # noqa: PLC0415  (render must not pay for kopf)

    lease = (lease_namespace, lease_name) if lease_namespace else None
    sys.exit(report(kubeconfig, Question(namespace, lease, wait_seconds), output))
