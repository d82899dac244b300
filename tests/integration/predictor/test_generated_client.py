"""A client that is generated from /openapi.json, as docs/clients.md says, asks the server that it is generated from."""

import ast
import base64
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


def blocks() -> list[str]:
    """Shell and Python of the docs: install and generate, use; for images, take the document, generate, use."""
    return re.findall("```(?:sh|python)\n(.*?)```", DOCS.read_text(), re.DOTALL)


def run_program(program: str, folder: Path, server: Server) -> str:
    """Runs Python of the docs against a server; what it prints."""
    command = [sys.executable, "-c", program.replace("http://localhost:8080", here(server))]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout


def run_generator(shell: str, folder: Path, server: Server) -> None:
    """Runs the generator's line of a shell block; it may have nothing to complain of."""
    [line] = [line for line in shell.splitlines() if line.startswith(PROGRAM.name)]
    command = line.replace("http://localhost:8080", here(server)).replace(PROGRAM.name, str(PROGRAM), 1).split()
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60)
    assert "WARNING" not in done.stdout + done.stderr  # with one of those it leaves out what it does not understand


def here(server: Server) -> str:
    return str(server.http.base_url).rstrip("/")


class Client:
    """A generated package."""

    def __init__(self, folder: Path, name: str, server: Server) -> None:
        self.name, self.folder = name, folder / name
        _, _, take, generate, _ = blocks()
        run_program(take, folder, server)
        run_generator(generate.replace("digits_model", name), folder, server)
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
    generate, program, *_ = blocks()
    run_generator(generate, tmp_path, match_outcome)
    lines = run_program(program, tmp_path, match_outcome).splitlines()
    assert [line[0] for line in lines] == ["0", "0"]
    assert "{'0': 0." in lines[0]


def test_the_program_of_the_docs_for_pictures(tmp_path: Path, digits_image: Server) -> None:
    example = digits_image.http.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    picture = example["application/json"]["example"]["image"]
    (tmp_path / "digit.png").write_bytes(base64.b64decode(picture))
    _, _, take, generate, program = blocks()
    run_program(take, tmp_path, digits_image)
    run_generator(generate, tmp_path, digits_image)
    answer = ast.literal_eval(run_program(program, tmp_path, digits_image))
    assert answer == digits_image.http.post("/predict", json={"image": picture}).json()


def test_every_operation_has_a_function(generate: Any, review: Server) -> None:
    made = generate("generated_all", review)
    functions = [path for path in (made.folder / "api").glob("*/*.py") if path.name != "__init__.py"]
    paths = review.http.get("/openapi.json").json()["paths"]
    assert len(functions) == sum(map(len, paths.values()))
