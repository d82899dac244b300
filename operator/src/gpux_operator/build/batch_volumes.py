"""Claims of batch predictions in pods: the results, which servers read and runs write, and the table."""

from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.metadata import Manifest

RESULTS_DIRECTORY, TABLE_DIRECTORY = "/mnt/predictions", "/mnt/entities"
_RESULTS, _TABLE = "gpux-predictions", "gpux-entities"


def claim(uri: str) -> tuple[str, str]:
    """The claim's name, and the path in it, of a pvc:// uri."""
    name, _, path = uri.removeprefix("pvc://").partition("/")
    return name, path.strip("/")


def results_path(model: GpuxModel) -> str:
    """The folder of the results in a pod that mounts their claim. The whole claim is mounted: a folder in it may not exist yet."""
    batch = model.spec.batch
    assert batch is not None  # noqa: S101  (who asks has looked)
    return f"{RESULTS_DIRECTORY}/{claim(batch.output.uri)[1]}".rstrip("/")


def of_server(model: GpuxModel) -> list[Manifest]:
    """The volumes of a pod that serves look-ups."""
    return [] if model.spec.batch is None else [_volume(_RESULTS, model.spec.batch.output.uri)]


def server_mounts(model: GpuxModel) -> list[Manifest]:
    """Where it mounts them."""
    if model.spec.batch is None:
        return []
    return [{"name": _RESULTS, "mountPath": RESULTS_DIRECTORY, "readOnly": True}]


def server_arguments(model: GpuxModel) -> list[str]:
    """What it is told of them."""
    return [] if model.spec.batch is None else ["--batch-dir", results_path(model)]


def of_run(model: GpuxModel) -> tuple[list[Manifest], list[Manifest], str]:
    """The volumes of a run's pod, where it mounts them, and where its table is."""
    batch = model.spec.batch
    assert batch is not None  # noqa: S101
    assert batch.entities is not None  # noqa: S101  (a rule: a schedule has a table)
    volumes = [_volume(_RESULTS, batch.output.uri)]
    mounts: list[Manifest] = [{"name": _RESULTS, "mountPath": RESULTS_DIRECTORY}]
    table = batch.entities.uri
    if table.startswith("pvc://"):
        volumes.append(_volume(_TABLE, table))
        mounts.append({"name": _TABLE, "mountPath": TABLE_DIRECTORY, "readOnly": True})
        table = f"{TABLE_DIRECTORY}/{claim(table)[1]}"
    return volumes, mounts, table


def _volume(name: str, uri: str) -> Manifest:
    return {"name": name, "persistentVolumeClaim": {"claimName": claim(uri)[0]}}
