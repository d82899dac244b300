"""What a server is given beside its model."""

from collections.abc import Sequence
from dataclasses import dataclass

from gpux_predictor.http.observers import Observer
from gpux_predictor.precomputed.lookups import Lookups
from gpux_predictor.tasks.service import TaskService
from gpux_predictor.tracing import Tracer


@dataclass(frozen=True)
class Listen:
    """Where a server listens; `grpc_port` None for no gRPC."""

    host: str
    port: int
    grpc_port: int | None = None


@dataclass(frozen=True)
class Ways:
    """Other ways to predictions than to ask for them and wait.

    Attributes:
        tasks: the model's tasks, if it takes any.
        lookups: of predictions computed ahead, or why there are none.
        page: whether there is a page to try the model on.
    """

    tasks: TaskService | None = None
    lookups: Lookups | str = "nothing is computed ahead"
    page: bool = True


@dataclass(frozen=True)
class Heard:
    """What is told of each request.

    Attributes:
        observers: hear of each over HTTP, after it.
        tracer: makes spans; None where nobody asks for them.
    """

    observers: Sequence[Observer] = ()
    tracer: Tracer | None = None
