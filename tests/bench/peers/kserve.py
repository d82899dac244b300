"""KServe's custom model as its documentation writes it, for V1 and V2."""

from typing import Any

from tests.bench.peers import common

FILE, PORT, _ = common.arguments()

from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer  # noqa: E402  (it parses the command line)


class OnnxModel(Model):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.load()

    def load(self) -> None:
        self.graph = common.Graph(FILE)
        self.ready = True

    def predict(self, payload: Any, headers: dict[str, str] | None = None, response_headers: Any = None) -> Any:
        if isinstance(payload, InferRequest):
            return self._predict_v2(payload)
        rows = payload["instances"]
        if isinstance(rows[0], dict):
            columns = {name: [row[name] for row in rows] for name in rows[0]}
        else:
            columns = {next(iter(self.graph.shapes)): rows}
        return {"predictions": self.graph.run(self.graph.feeds(columns)).tolist()}

    def _predict_v2(self, request: InferRequest) -> InferResponse:
        feeds = {item.name: item.as_numpy() for item in request.inputs}
        values = self.graph.run(feeds)
        output = InferOutput(self.graph.output, list(values.shape), "FP32")
        output.set_data_from_numpy(values, binary_data=bool(request.use_binary_outputs))
        return InferResponse(request.id or "1", self.name, [output], use_binary_outputs=request.use_binary_outputs)


if __name__ == "__main__":
    ModelServer(http_port=PORT, enable_grpc=False, workers=1).start([OnnxModel("model")])
