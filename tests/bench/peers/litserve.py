"""A LitServe API as its documentation writes it; `batching` lets it collect requests."""

from typing import Any

import litserve  # type: ignore[import-not-found]
import numpy as np
from tests.bench.peers import common


class OnnxAPI(litserve.LitAPI):  # type: ignore[misc]
    def __init__(self, file: str, **settings: Any) -> None:
        super().__init__(**settings)
        self.file = file

    def setup(self, device: str) -> None:
        self.graph = common.Graph(self.file)

    def decode_request(self, request: dict[str, Any]) -> dict[str, Any]:
        return request

    def predict(self, values: dict[str, Any]) -> np.ndarray:
        return self.graph.run(self.graph.feeds(values))

    def encode_response(self, output: np.ndarray) -> dict[str, Any]:
        return {"output": output.tolist()}


class BatchingAPI(OnnxAPI):
    def batch(self, inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: values[0] for name, values in row.items()} for row in inputs]

    def predict(self, values: Any) -> Any:
        return self.graph.run_padded(values)

    def unbatch(self, output: list[np.ndarray]) -> list[np.ndarray]:
        return [row[np.newaxis] for row in output]


if __name__ == "__main__":
    model, port, batching = common.arguments()
    batches = {"max_batch_size": common.BATCH_SIZE, "batch_timeout": common.BATCH_SECONDS}
    api = BatchingAPI(model, **batches) if batching else OnnxAPI(model)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, timeout=120)
    server.run(host="127.0.0.1", port=port, num_api_servers=1, generate_client_file=False)
