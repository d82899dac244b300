"""Where the model is on its way to serving, and why it is not there."""

from dataclasses import dataclass
from enum import StrEnum

from gpux_predictor.errors import LoadError, LoadReason


class Phase(StrEnum):
    """The states of a model, in the order it goes through them."""

    STARTING = "Starting"
    DOWNLOADING = "Downloading"
    LOADING = "Loading"
    WARMING_UP = "WarmingUp"
    CHECKING = "CheckingSamples"
    READY = "Ready"
    FAILED = "Failed"
    STOPPING = "Stopping"


@dataclass(frozen=True)
class Health:
    """The state of the model.

    Attributes:
        reason: one CamelCase word: the phase, or the `LoadReason` of a failure.
        detail: for people.
    """

    phase: Phase
    reason: str
    detail: str

    @property
    def ready(self) -> bool:
        """Whether requests are answered."""
        return self.phase is Phase.READY

    def describe(self, model: str) -> dict[str, str]:
        """The body of /health."""
        if self.ready:
            return {"status": "healthy", "model": model}
        return {"status": "unhealthy", "model": model, "reason": self.reason, "detail": self.detail}


def starting() -> Health:
    """The port is open, nothing else has happened."""
    return Health(Phase.STARTING, Phase.STARTING, "the server is starting")


def loading(what: str) -> Health:
    """The model is being loaded."""
    return Health(Phase.LOADING, Phase.LOADING, what)


def downloading(uri: str, done: int, total: int | None) -> Health:
    """The model's files are on their way; `done` and `total` in bytes."""
    percent = f"{100 * done // total} % of {total / 2**20:.1f} MiB" if total else f"{done / 2**20:.1f} MiB so far"
    return Health(Phase.DOWNLOADING, Phase.DOWNLOADING, f"downloading {uri}: {percent}")


def warming_up(what: str) -> Health:
    """Trial runs: whether samples batch, and what a batch costs."""
    return Health(Phase.WARMING_UP, Phase.WARMING_UP, what)


def checking(sample: int, samples: int) -> Health:
    """The manifest's samples are run and compared."""
    return Health(Phase.CHECKING, Phase.CHECKING, f"running sample {sample} of {samples}")


def ready() -> Health:
    """The model serves."""
    return Health(Phase.READY, Phase.READY, "the model serves")


def stopping() -> Health:
    """The server was told to stop and takes no new work."""
    return Health(Phase.STOPPING, Phase.STOPPING, "the server is stopping")


def failed(error: LoadError) -> Health:
    """The model cannot be served."""
    return Health(Phase.FAILED, error.reason, error.message)


def crashed(error: BaseException) -> Health:
    """Loading broke in a way that nobody foresaw."""
    return Health(Phase.FAILED, LoadReason.INTERNAL_ERROR, f"loading failed: {type(error).__name__}: {error}")
