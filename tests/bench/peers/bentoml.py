"""BentoML services as its documentation writes them: arrays in and out, and a batchable endpoint that takes a list of samples."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import bentoml  # type: ignore[import-not-found]
import numpy as np
from bentoml.validators import DType  # type: ignore[import-not-found]
from tests.bench.peers import common

FILE = "BENCH_MODEL"
Floats = Annotated[np.ndarray, DType("float32")]
Integers = Annotated[np.ndarray, DType("int64")]


@bentoml.service(workers=1)
class Plain:
    def __init__(self) -> None:
        self.graph = common.Graph(os.environ[FILE])

    @bentoml.api(route="/predict")  # type: ignore[untyped-decorator]
    def predict(self, x: Floats) -> np.ndarray:
        return self.graph.run({"x": x})


@bentoml.service(workers=1)
class Image(Plain.inner):  # type: ignore[misc,name-defined]
    @bentoml.api(route="/predict")  # type: ignore[untyped-decorator]
    def predict(self, image: Floats) -> np.ndarray:
        answer: np.ndarray = self.graph.run({"image": image})
        return answer


@bentoml.service(workers=1)
class Encoder(Plain.inner):  # type: ignore[misc,name-defined]
    @bentoml.api(route="/predict")  # type: ignore[untyped-decorator]
    def predict(self, input_ids: Integers, attention_mask: Integers, token_type_ids: Integers) -> np.ndarray:
        feeds = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        answer: np.ndarray = self.graph.run(feeds)
        return answer


@bentoml.service(workers=1)
class Batching:
    def __init__(self) -> None:
        self.graph = common.Graph(os.environ[FILE])

    @bentoml.api(route="/predict", batchable=True, max_batch_size=common.BATCH_SIZE, max_latency_ms=60_000)  # type: ignore[untyped-decorator]
    def predict(self, inputs: list[dict[str, Any]]) -> list[Any]:
        return [row.tolist() for row in self.graph.run_padded(inputs)]


if __name__ == "__main__":
    model, port, batching = common.arguments()
    os.environ[FILE] = model
    os.environ["BENTOML_DO_NOT_TRACK"] = "True"
    os.environ["BENTOML_HOME"] = str(Path.cwd())
    first = next(iter(common.Graph(model).shapes))
    service = "Batching" if batching else {"x": "Plain", "image": "Image", "input_ids": "Encoder"}[first]
    command = [
        "-m",
        "bentoml",
        "serve",
        f"tests.bench.peers.bentoml:{service}",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    os.execv(sys.executable, [sys.executable, *command])
