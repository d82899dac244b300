"""Who is compared: each server, how it is started, and the dialects it is asked in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from predictorserver import PROGRAM

from .dialects import NAME
from .environments import python
from .graphs.gpux import adapted
from .models import MEAN, STD, Model
from .servers import Command

ROOT = Path(__file__).parents[2]
OURS = "ours"
SUFFIXES = {"v1": " V1", "v2": " V2", "v2-binary": " V2 binary"}


@dataclass(frozen=True)
class Contestant:
    """One server.

    Attributes:
        name: how `--only` and the results name it.
        label: how the table names it.
        peer: its environment and script, None for the checkout's own.
        dialects: how it is asked.
        batching: whether its script is told to batch.
    """

    name: str
    label: str
    peer: str | None
    dialects: tuple[str, ...]
    batching: bool = False

    def entry(self, dialect: str) -> str:
        """The table's name of this server asked in this dialect."""
        return self.label + SUFFIXES.get(dialect, "")


CONTESTANTS = (
    Contestant("bare", "bare ASGI", "bare", ("predict", "octets")),
    Contestant(OURS, "gpux-predictor", None, ("predict", "v2", "v2-binary", "jpeg")),
    Contestant("kserve", "KServe", "kserve", ("v1", "v2", "v2-binary")),
    Contestant("gpux", "gpux serve", "gpux", ("predict",)),
    Contestant("mlserver", "MLServer", "mlserver", ("v2",)),
    Contestant("mlserver-batching", "MLServer batching", "mlserver", ("v2",), batching=True),
    Contestant("bentoml", "BentoML", "bentoml", ("array",)),
    Contestant("bentoml-batching", "BentoML batchable", "bentoml", ("items",), batching=True),
    Contestant("litserve", "LitServe", "litserve", ("predict",)),
    Contestant("litserve-batching", "LitServe batching", "litserve", ("predict",), batching=True),
)
ENTRIES = tuple(dict.fromkeys(who.entry(dialect) for who in CONTESTANTS for dialect in who.dialects))
"""Every name that the table may show, in its order; one may stand for two dialects that never meet in one case."""


def command(contestant: Contestant, model: Model, runtime: Mapping[str, Any] | None = None) -> Command:
    """What starts a contestant with a model.

    Args:
        contestant: the server.
        model: what it serves.
        runtime: `spec.runtime` of our manifest.

    Raises:
        InstallError: its environment cannot be made.
    """
    if contestant.peer is None:
        return ours(model, runtime)
    file = adapted(model.file) if contestant.peer == "gpux" else model.file
    arguments = [str(python(contestant.peer)), "-m", f"tests.bench.peers.{contestant.peer}", str(file), "{port}"]
    return Command(
        [*arguments, "batching"] if contestant.batching else arguments,
        {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
    )


def ours(model: Model, runtime: Mapping[str, Any] | None = None) -> Command:
    """What starts the checkout's own server, untuned: a manifest as a user writes it."""
    file = model.file.with_name(f"{model.name}{'-runtime' if runtime else ''}.yaml")
    file.write_text(yaml.safe_dump(manifest(model, runtime)))
    return Command(
        [
            str(PROGRAM),
            "serve",
            str(file),
            "--port",
            "{port}",
            "--model-dir",
            str(model.file),
            "--state-dir",
            "state",
            "--log-level",
            "warning",
        ],
        {},
    )


def manifest(model: Model, runtime: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The GpuxModel of a model."""
    spec: dict[str, Any] = {"model": {"source": {"uri": model.file.as_uri()}}}
    if runtime:
        spec["runtime"] = dict(runtime)
    if model.photos:
        image = {"input": "image", "resize": [224, 224], "mean": list(MEAN), "std": list(STD)}
        spec["preprocessing"] = {"image": image}
    return {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": NAME}, "spec": spec}
