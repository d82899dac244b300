"""A client that is generated from /openapi.json, as docs/clients.md says, asks the server that it is generated from."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from predictorserver import Server

PROGRAM = Path(sys.executable).parent / "openapi-python-client"
DOCS = Path(__file__).parents[3] / "docs" / "clients.md"


def json_only(document: dict[str, Any]) -> dict[str, Any]:
    """The document without the other bodies of images: with several bodies the generator (0.29.1) forgets an import."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                content = operation["requestBody"]["content"]
                operation["requestBody"]["content"] = {"application/json": content["application/json"]}
    return document


class Client:
    """A generated package."""

    def __init__(self, folder: Path, name: str, server: Server) -> None:
        self.name, self.folder = name, folder / name
        document = folder / "openapi.json"
        document.write_text(json.dumps(json_only(server.http.get("/openapi.json").json())))
        command = [str(PROGRAM), "generate", "--path", str(document), "--output-path", str(self.folder)]
        done = subprocess.run([*command, "--meta", "none"], check=True, capture_output=True, text=True, timeout=60)
        assert "WARNING" not in done.stdout + done.stderr  # with one of those it leaves out what it does not understand
        self.models = import_module(f"{name}.models")
        self.client = import_module(name).Client(base_url=str(server.http.base_url))

    def call(self, path: str, *arguments: Any, **named: Any) -> Any:
        return import_module(f"{self.name}.api.{path}").sync_detailed(*arguments, client=self.client, **named)


@pytest.fixture
def generate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(tmp_path)
    made: list[Client] = []

    def generate(name: str, server: Server) -> Client:
        made.append(Client(tmp_path, name, server))
        return made[-1]

    yield generate
    for client in made:
        client.client.get_httpx_client().close()
    for name in [name for name in sys.modules if name.startswith("generated_")]:
        del sys.modules[name]


def test_features(generate: Any, match_outcome: Server) -> None:
    made = generate("generated_features", match_outcome)
    sent = match_outcome.http.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    sent = sent["content"]["application/json"]["example"]
    entity = made.models.OneEntity(match_id=99, features=made.models.OneEntityFeatures(**sent["features"]))
    answer = made.call("predict.predict", body=entity)
    assert answer.status_code == 200
    assert type(answer.parsed) is made.models.PredictedEntity
    assert type(answer.parsed.prediction) is made.models.Prediction
    assert answer.parsed.prediction.predicted_class == 0
    assert answer.parsed.to_dict() == match_outcome.http.post("/predict", json=sent).json()
    many = made.call("predict.predict", body=[entity, entity]).parsed
    assert [type(item) for item in many] == [made.models.PredictedEntity] * 2
    refused = made.call("predict.predict", body=made.models.OneSample.from_dict({"X": [1.0]}))
    assert (refused.status_code, type(refused.parsed)) == (400, made.models.Detail)
    assert refused.parsed.detail == "Invalid input shape for 'X': expected [batch, 4], found [1, 1]"


def test_a_task(generate: Any, review: Server) -> None:
    made = generate("generated_text", review)
    text = made.models.OneSampleOfText(text="I love this product!")
    answer = made.call("predict.predict", body=text).parsed
    assert type(answer) is made.models.AnswerToOneSample
    assert answer.to_dict() == review.http.post("/predict", json={"text": "I love this product!"}).json()
    submitted = made.call("tasks.submit_task", body=text).parsed
    assert type(submitted) is made.models.SubmittedTask
    task = made.call("tasks.task_status", submitted.task_id, wait=20.0).parsed
    assert type(task) is made.models.SucceededTask
    assert task.result == answer


def test_the_open_inference_protocol(generate: Any, match_outcome: Server) -> None:
    made = generate("generated_tensors", match_outcome)
    tensor = made.models.X(name="X", datatype="FP32", shape=[1, 4], data=[0.5] * 4)
    answer = made.call("v2.v_2_infer", body=made.models.V2InferBody(inputs=[tensor])).parsed
    assert [(item.name, item.datatype) for item in answer.outputs] == [("label", "INT64"), ("probabilities", "FP32")]
    assert len(answer.outputs[1].data) == 3


def test_the_program_of_the_docs(tmp_path: Path, match_outcome: Server) -> None:
    shell, program = re.findall("```(?:sh|python)\n(.*?)```", DOCS.read_text(), re.DOTALL)
    here = str(match_outcome.http.base_url).rstrip("/")
    [generate] = [line for line in shell.splitlines() if line.startswith(PROGRAM.name)]
    command = generate.replace("http://localhost:8080", here).replace(PROGRAM.name, str(PROGRAM), 1)
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True, timeout=60)
    program = program.replace("http://localhost:8080", here)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert [line[0] for line in lines] == ["0", "0"]
    assert "{'0': 0." in lines[0]


def test_a_picture(generate: Any, digits_image: Server) -> None:
    made = generate("generated_pictures", digits_image)
    example = digits_image.http.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    picture = example["application/json"]["example"]["image"]
    answer = made.call("predict.predict", body=made.models.OneSampleOfImages(image=picture))
    assert type(answer.parsed) is made.models.AnswerToOneSample
    assert answer.parsed.to_dict() == digits_image.http.post("/predict", json={"image": picture}).json()


def test_every_operation_has_a_function(generate: Any, review: Server) -> None:
    made = generate("generated_all", review)
    functions = [path for path in (made.folder / "api").glob("*/*.py") if path.name != "__init__.py"]
    paths = review.http.get("/openapi.json").json()["paths"]
    assert len(functions) == sum(map(len, paths.values()))
