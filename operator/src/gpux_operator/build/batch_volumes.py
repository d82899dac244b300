"""Claims of batch predictions in pods: the results, which servers read and runs write, and the table."""

from dataclasses import dataclass

from gpux_api.v1alpha1 import GpuxModel
from gpux_operator.build.metadata import Manifest

MODEL_DIRECTORY = "/mnt/models"
"""Where KServe's storage initializer puts the model, and where it mounts a claim; a run does the same."""
RESULTS_DIRECTORY, TABLE_DIRECTORY = "/mnt/predictions", "/mnt/entities"
_RESULTS = "gpux-predictions"


@dataclass(frozen=True)
class Run:
    """What a run's pod mounts.

    Attributes:
        table: where the table is in the pod, or its uri.
        model: where the model's source is in the pod; None: the run fetches it.
    """

    volumes: list[Manifest]
    mounts: list[Manifest]
    table: str
    model: str | None


def claim(uri: str) -> tuple[str, str]:
    """The claim's name, and the path in it, of a pvc:// uri."""
    name, _, path = uri.removeprefix("pvc://").partition("/")
    return name, path.strip("/")


def results_path(model: GpuxModel) -> str:
    """The folder of the results in a pod that mounts their claim. The whole claim is mounted: a folder in it may not exist yet."""
    batch = model.spec.batch
    assert batch is not None  # noqa: S101  (who asks has looked)
    return _mounted(RESULTS_DIRECTORY, batch.output.uri)


def of_server(model: GpuxModel) -> list[Manifest]:
    """The volumes of a pod that serves look-ups."""
    if model.spec.batch is None:
        return []
    return [_volume(_RESULTS, claim(model.spec.batch.output.uri)[0], read_only=True)]


def server_mounts(model: GpuxModel) -> list[Manifest]:
    """Where it mounts them."""
    if model.spec.batch is None:
        return []
    return [{"name": _RESULTS, "mountPath": RESULTS_DIRECTORY, "readOnly": True}]


def server_arguments(model: GpuxModel) -> list[str]:
    """What it is told of them."""
    return [] if model.spec.batch is None else ["--batch-dir", results_path(model)]


def of_run(model: GpuxModel) -> Run:
    """The claims of a run. One that holds several things is one volume: kubelet never starts a pod that has it as two
    (kubernetes/kubernetes#127004).
    """
    batch = model.spec.batch
    assert batch is not None  # noqa: S101
    assert batch.entities is not None  # noqa: S101  (a rule: a schedule has a table)
    uses = {
        RESULTS_DIRECTORY: batch.output.uri,
        TABLE_DIRECTORY: batch.entities.uri,
        MODEL_DIRECTORY: model.spec.model.source.uri,
    }
    claims = {directory: claim(uri)[0] for directory, uri in uses.items() if uri.startswith("pvc://")}
    names = {name: f"gpux-claim-{place}" for place, name in enumerate(dict.fromkeys(claims.values()))}
    mounts: list[Manifest] = [
        {"name": names[name], "mountPath": directory} | ({} if directory == RESULTS_DIRECTORY else {"readOnly": True})
        for directory, name in claims.items()
    ]
    volumes: list[Manifest] = [
        _volume(volume, name, read_only=name != claims[RESULTS_DIRECTORY]) for name, volume in names.items()
    ]
    table = _mounted(TABLE_DIRECTORY, batch.entities.uri) if TABLE_DIRECTORY in claims else batch.entities.uri
    files = _mounted(MODEL_DIRECTORY, model.spec.model.source.uri) if MODEL_DIRECTORY in claims else None
    return Run(volumes, mounts, table, files)


def _volume(name: str, claim_name: str, *, read_only: bool) -> Manifest:
    """A claim. Of one that is only read kubelet leaves the owners as they are, whatever the pod's fsGroup."""
    return {
        "name": name,
        "persistentVolumeClaim": {"claimName": claim_name} | ({"readOnly": True} if read_only else {}),
    }


def _mounted(directory: str, uri: str) -> str:
    return f"{directory}/{claim(uri)[1]}".rstrip("/")
