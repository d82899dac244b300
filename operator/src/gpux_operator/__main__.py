"""The command `gpux-operator`."""

import json
import os
import sys
from platform import node
from typing import Any

import click
from click.shell_completion import get_completion_class

from gpux_operator.build.inference_service import Images, Platform
from gpux_operator.build.modes import knows_new_names
from gpux_operator.build.text import yaml_text
from gpux_operator.render import render
from gpux_operator.settings import DEFAULT_IMAGE, Settings
from gpux_operator.validation.command import validate

_ENV = "GPUX"
_shared = [
    click.option("--predictor-image", default=DEFAULT_IMAGE, show_default=True, envvar=f"{_ENV}_PREDICTOR_IMAGE", show_envvar=True,
                 help="Image of models that name none."),
    click.option("--predictor-gpu-image", envvar=f"{_ENV}_PREDICTOR_GPU_IMAGE", show_envvar=True,
                 help="The same for models with a GPU. [default: the predictor image]"),
    click.option("--prometheus-url", envvar=f"{_ENV}_PROMETHEUS_URL", show_envvar=True,
                 help="Prometheus that scrapes the models: KEDA asks it for targets of queue and concurrency."),
]  # fmt: skip


def shared_options(command: Any) -> Any:  # noqa: ANN401  (click's decorators have no better type)
    """The options about what is built, which both commands have."""
    for option in reversed(_shared):
        command = option(command)
    return command


kubeconfig_option = click.option(
    "--kubeconfig",
    envvar=f"{_ENV}_KUBECONFIG",
    show_envvar=True,
    type=click.Path(dir_okay=False, exists=True),
    help="Log in with this file. [default: the pod's ServiceAccount, else the user's own]",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="gpux-operator")
@click.pass_context
def main(context: click.Context) -> None:
    """Serve ONNX models with KServe: reconciles GpuxModel resources."""
    if os.environ.get("NO_COLOR"):  # no-color.org; click does not look
        context.color = False


def _knows_new_names(_: click.Context, __: click.Parameter, release: str | None) -> bool:
    try:
        return release is None or knows_new_names(release)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


kserve_option = click.option(
    "--kserve",
    "new_names",
    metavar="RELEASE",
    callback=_knows_new_names,
    help="The cluster's release of KServe: one before 0.16 cannot suspend some models, and has other names for its modes. "
    "[default: a newer one]",
)


@main.command("render", short_help="Print what would be applied for manifests.")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of models that name none.")
@click.option("-o", "--output", type=click.Choice(["yaml", "json"]), default="yaml", show_default=True)
@kserve_option
@shared_options
def render_command(files: tuple[str, ...], namespace: str, output: str, new_names: bool, **options: str | None) -> None:
    """Print what would be applied for the GpuxModels in FILES, with no cluster.

    FILES are files, folders with *.yaml, *.yml and *.json, or - for standard input. They are checked as by validate. Exit codes:
    0 all is printed, 1 one is invalid and nothing is printed, 2 usage.
    """
    images = Images(options["predictor_image"] or DEFAULT_IMAGE, options["predictor_gpu_image"])
    platform = Platform(images, options["prometheus_url"])
    manifests, problems = render(files, namespace, platform, new_names, sys.stdin)
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        sys.exit(1)
    if output == "json":
        click.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}, indent=2))
    else:
        click.echo(yaml_text(*manifests), nl=False)


@main.command("validate", short_help="Check manifests with no cluster.")
@click.argument("files", nargs=-1, required=True, type=click.Path(allow_dash=True))
@click.option("-n", "--namespace", default="default", show_default=True, help="Namespace of models that name none.")
@click.option(
    "--against",
    metavar="FILE",
    type=click.Path(allow_dash=True),
    help="The models as they are now (kubectl get gpuxmodel -o yaml): find changes that the API server refuses, too.",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@kserve_option
def validate_command(files: tuple[str, ...], namespace: str, against: str | None, output: str, new_names: bool) -> None:
    """Say what the API server, the admission policy and the operator would say of the GpuxModels in FILES, with no cluster.

    FILES are files, folders with *.yaml, *.yml and *.json, or - for standard input. Each problem is a line FILE:DOCUMENT: field:
    what is wrong, and what to write instead; warnings are about what is valid and probably not meant. Exit codes: 0 valid,
    1 invalid, 2 usage.
    """
    if [*files, against].count("-") > 1:
        raise click.UsageError("standard input can be read once: name - once")
    sys.exit(validate(files, against, namespace, output, sys.stdin, new_names))


@main.command("check", short_help="Say whether a cluster takes GpuxModels.")
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
    from gpux_operator.cluster import Question, report  # noqa: PLC0415  (see run)

    lease = (lease_namespace, lease_name) if lease_namespace else None
    sys.exit(report(kubeconfig, Question(namespace, lease, wait_seconds), output))


@main.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    In ~/.bashrc: eval "$(gpux-operator completion bash)"
    In ~/.zshrc, after compinit: eval "$(gpux-operator completion zsh)"
    In ~/.config/fish/config.fish: gpux-operator completion fish | source
    """
    script = get_completion_class(shell)
    if script is None:  # pragma: no cover  (click has all three)
        raise click.ClickException(f"this version of click knows no {shell}: upgrade click")
    click.echo(script(main, {}, "gpux-operator", "_GPUX_OPERATOR_COMPLETE").source())


@main.command("run")
@shared_options
@click.option(
    "-n",
    "--namespace",
    "namespaces",
    multiple=True,
    envvar=f"{_ENV}_NAMESPACES",
    show_envvar=True,
    help="Look for models here only; repeatable. [default: everywhere]",
)
@kubeconfig_option
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
    from gpux_operator.adapters import logs  # noqa: PLC0415  (render must not pay for kopf)
    from gpux_operator.app import App  # noqa: PLC0415
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
    app.run()


if __name__ == "__main__":
    main()
