"""A custom MLServer runtime as its documentation writes it; `batching` turns its adaptive batching on."""

import json
import sys
from pathlib import Path

from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]
from tests.bench.peers import common


class OnnxRuntime(MLModel):  # type: ignore[misc]
    async def load(self) -> bool:
        self.graph = common.Graph(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        values = {item.name: NumpyCodec.decode_input(item) for item in payload.inputs}
        answer = self.graph.run(self.graph.feeds(values))
        return InferenceResponse(
            id=payload.id, model_name=self.name, outputs=[NumpyCodec.encode_output(self.graph.output, answer)]
        )


def configure(file: str, port: int, batching: bool) -> None:
    """Writes MLServer's two settings files into the working directory."""
    settings = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": port + 1,
        "metrics_port": port + 2,
        "parallel_workers": 0,
        "debug": False,
    }
    model = {
        "name": "model",
        "implementation": "tests.bench.peers.mlserver.OnnxRuntime",
        "parameters": {"uri": file},
    }
    batches = {"max_batch_size": common.BATCH_SIZE, "max_batch_time": common.BATCH_SECONDS} if batching else {}
    Path("settings.json").write_text(json.dumps(settings))
    Path("model-settings.json").write_text(json.dumps(model | batches))


if __name__ == "__main__":
    configure(*common.arguments())
    from mlserver.cli import main  # type: ignore[import-not-found]

    sys.argv = ["mlserver", "start", "."]
    main()
