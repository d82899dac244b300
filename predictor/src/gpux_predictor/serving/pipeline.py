"""From a request's body to the arrays of its runs, and from their results to its answer. Pure but for the transforms' files."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from gpux_predictor.errors import BadRequest
from gpux_predictor.serving.loading import LoadedModel
from gpux_predictor.tensors import batch_axis, decode, encode, fast_json


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that can run.

    Attributes:
        parts: complete feeds, each with a row for each of its samples; one part for most requests.
        single: the answer goes without its batch axis.
    """

    parts: list[dict[str, np.ndarray]]
    single: bool


class Pipeline:
    """What happens to a request before and after its run.

    Args:
        loaded: the model.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self._signature = loaded.signature
        self._axis = loaded.axis

    def decode(self, body: bytes) -> Prepared:
        """A JSON body of /predict as arrays.

        Raises:
            BadRequest: saying which input is wrong and what was expected.
        """
        if len(body) > fast_json.WORTHWHILE_BYTES and (sent := fast_json.numbers(self._signature, body)) is not None:
            arrays, single = decode.request_numbers(self._signature, self._axis, sent)
            return Prepared([arrays], single)
        try:
            request = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"Invalid JSON: {error}") from None
        arrays, single = decode.request_arrays(self._signature, self._axis, request)
        return Prepared([arrays], single)

    def encode(self, prepared: Prepared, outputs: dict[str, Any]) -> bytes:
        """The answer to a request, as JSON."""
        return encode.to_json(batch_axis.squeeze(self._axis, outputs) if prepared.single else outputs)
