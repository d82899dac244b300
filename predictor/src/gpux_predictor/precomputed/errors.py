"""Why a table is not predicted, or a result not read. A row that is wrong is no error: it is reported and the run goes on."""

from gpux_predictor.errors import PredictorError


class TableError(PredictorError):
    """The table of entities cannot be used: where it is, what is wrong, what to do."""


class OutputError(PredictorError):
    """The folder of the results cannot be used."""


class AlreadyRunning(OutputError):
    """Another run writes to the folder."""


class NothingPredicted(PredictorError):
    """The table has rows, and not one could be predicted: the results so far stay."""
