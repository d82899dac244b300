"""Options that several commands have."""

from typing import Any

import click

from gpux_operator.build.modes import knows_new_names
from gpux_operator.settings import DEFAULT_IMAGE

ENV = "GPUX"
"""How the environment variables of options begin."""
_shared = [
    click.option("--predictor-image", default=DEFAULT_IMAGE, show_default=True, envvar=f"{ENV}_PREDICTOR_IMAGE", show_envvar=True,
                 help="Image of models that name none."),
    click.option("--predictor-gpu-image", envvar=f"{ENV}_PREDICTOR_GPU_IMAGE", show_envvar=True,
                 help="The same for models with a GPU. [default: the predictor image]"),
    click.option("--prometheus-url", envvar=f"{ENV}_PROMETHEUS_URL", show_envvar=True,
                 help="Prometheus that scrapes the models: KEDA asks it for targets of queue and concurrency."),
]  # fmt: skip


def shared_options(command: Any) -> Any:  # noqa: ANN401  (click's decorators have no better type)
    """The options about what is built, which both commands have."""
    for option in reversed(_shared):
        command = option(command)
    return command


kubeconfig_option = click.option(
    "--kubeconfig",
    envvar=f"{ENV}_KUBECONFIG",
    show_envvar=True,
    type=click.Path(dir_okay=False, exists=True),
    help="Log in with this file. [default: the pod's ServiceAccount, else the user's own]",
)


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
