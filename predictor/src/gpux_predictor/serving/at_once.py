"""The answer to a common request in one go, where a run costs microseconds: no coroutine, no queue, no object that can be spared.

Whatever is not sure here (another kind of body, a value that needs a look, a run that fails) is left to the ordinary way, which
begins anew and words the errors.
"""

from time import perf_counter
from typing import Any

import orjson

from gpux_predictor import metrics
from gpux_predictor.serving.inference import Inference
from gpux_predictor.serving.loading import LoadedModel

_KNOWN = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")
"""Element types whose arrays orjson writes."""
MOST_BYTES = 16 * 1024
"""The largest body that is read on the event loop for it."""
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


class AtOnce:
    """Answers small requests to a quick model.

    Args:
        loaded: the model.
        inference: its runs.
    """

    def __init__(self, loaded: LoadedModel, inference: Inference) -> None:
        self._names = [tensor.name for tensor in loaded.signature.outputs]
        self._quick = loaded.pipeline.quick
        self._inference = inference
        self._run = loaded.session.raw_run
        single = [t for t in loaded.signature.outputs if t.name in loaded.pipeline.axis.outputs]
        self.usable = (
            loaded.pipeline.plain
            and inference.quick
            and self._run is not None
            and len(single) == len(self._names)
            and all(t.element and t.element.name in _KNOWN and len(t.shape) > 1 for t in loaded.signature.outputs)
        )

    def __call__(self, body: bytes) -> tuple[bytes, bytes] | None:
        """The answer and its `Server-Timing`; None if the ordinary way has to look.

        Args:
            body: JSON, as it came.
        """
        inference = self._inference
        if not inference.quick or len(body) > MOST_BYTES:  # before a parse that would be in vain, and hold the loop
            return None
        started = perf_counter()
        try:
            found = self._quick.decode(orjson.loads(body), body)
            if found is None or not inference.takes(found.elements):
                return None
            decoded = perf_counter()
            results = self._run(self._names, found.arrays)  # type: ignore[misc]
            ran = perf_counter()
        except Exception:
            return None
        if found.single:
            results = [result[0] for result in results]
        content = orjson.dumps(dict(zip(self._names, results, strict=True)), option=_OPTIONS)
        ended = perf_counter()
        inference.ran(found.rows, ran - decoded)
        inference.passed()
        metrics.HOT.at_once(found.rows, decoded - started, ran - decoded, ended - ran)
        return content, server_timing(0.0, decoded - started, ran - decoded, ended - ran)


def server_timing(queue: float, preprocess: float, run: float, postprocess: float) -> bytes:
    """The stages of a request, given in seconds, as the header shows them: in milliseconds (W3C Server Timing)."""
    return b"queue;dur=%.3f, preprocess;dur=%.3f, run;dur=%.3f, postprocess;dur=%.3f" % (
        queue * 1e3,
        preprocess * 1e3,
        run * 1e3,
        postprocess * 1e3,
    )


def nothing(_: bytes) -> Any:  # noqa: ANN401
    """Before the model serves nothing is answered at once."""
    return
