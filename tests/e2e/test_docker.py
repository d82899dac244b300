"""Docker, as docs/images.md has it: it builds a Dockerfile of ours, and runs the images that the other tests run on a node."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import docblocks
from testcluster.native import docker, images, pip_settings
from testcluster.native.buildah import base_archive
from testcluster.native.docker import Engine
from testcluster.native.errors import NodeError
from testcluster.tools import cache_folder
from testcluster.waiting import SOON, eventually

PAGE = "docs/images.md"
TEXT = '{"text": "I love this product!"}'
BASE = "gpux-base:here"
"""A Debian with Python, which knows where pip's index is."""


def lines(begins: str) -> list[str]:
    """The commands of a block of the page, each on a line."""
    return docblocks.one(PAGE, begins).text.replace("\\\n", " ").splitlines()


def started(uplink: bool) -> Iterator[Engine]:
    try:
        with docker.engine(uplink=uplink) as found:
            yield found
    except NodeError as reason:
        pytest.skip(f"Docker is not tried: {reason}")


@pytest.fixture
def builder() -> Iterator[Engine]:
    yield from started(uplink=True)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """One that has both images under the names of the docs."""
    for found in started(uplink=False):
        for name, image in images.build().items():
            found.run(f"docker load --quiet --input {image.archive}; docker tag {image.reference} gpux/{name}:0.1.0")
        yield found


def base(engine: Engine, folder: Path) -> None:
    """Tells the engine of `BASE`."""
    engine.run(f"docker import {base_archive(cache_folder() / 'images')} debian-python:here")
    written = ["FROM debian-python:here"]
    for number, (there, here) in enumerate(pip_settings.files(folder).items()):
        copied = folder / "context" / str(number)
        (shutil.copytree if here.is_dir() else shutil.copy)(here, copied)
        written.append(f"COPY {number} {there}")
    (folder / "context" / "Dockerfile").write_text("\n".join(written))
    engine.run(f"docker build --quiet --tag {BASE} {folder / 'context'}")


def test_docker_builds_what_buildah_builds(builder: Engine, tmp_path: Path) -> None:
    (tmp_path / "context").mkdir()
    base(builder, tmp_path)
    [line] = [line for line in lines("docker build -f operator") if "operator" in line]
    builder.run(f"{line} --network=host --build-arg BASE={BASE}")
    image = "gpux/operator:0.1.0"
    assert builder.run(f"docker run --rm --network=none {image} --version").startswith("gpux-operator, version")
    config = json.loads(builder.run(f"docker image inspect {image}"))[0]["Config"]
    assert config["User"] == "65532:65532"
    assert config["Healthcheck"]["Test"] == ["CMD", *images.healthcheck("operator")]


def test_docker_serves_a_model_as_the_docs_write_it(engine: Engine) -> None:
    start, *rest = lines("docker run --detach")
    engine.run(start)
    try:
        asked = f"curl -fsS -X POST http://localhost:8080/predict -H 'Content-Type: application/json' -d '{TEXT}'"
        assert json.loads(eventually(lambda: engine.run(asked), SOON, "it answers")) == {"sentiment": [0.05, 0.95]}
        assert rest == ["docker stop review"]
    finally:
        engine.run("docker stop review")
    assert engine.run("docker ps --all --quiet --filter name=review") == ""


def test_docker_finds_a_server_healthy_and_ends_it_without_an_error(engine: Engine) -> None:
    start = lines("docker run --detach")[0].replace("--rm", "--health-interval=1s")
    container = engine.run(start).strip()
    try:
        seen = f"docker inspect --format '{{{{.State.Health.Status}}}}' {container}"
        eventually(lambda: engine.run(seen).strip() == "healthy", SOON, "it is healthy")
        engine.run(f"docker stop --time 30 {container}")
        assert engine.run(f"docker inspect --format '{{{{.State.ExitCode}}}}' {container}") == "0\n"
    finally:
        engine.run(f"docker rm --force {container}")


def test_docker_prints_the_bill_of_materials(engine: Engine) -> None:
    [line] = lines("docker run --rm --entrypoint cat")
    assert json.loads(engine.run(line))["bomFormat"] == "CycloneDX"


def test_docker_builds_a_model_into_the_image(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(docblocks.one(PAGE, "FROM gpux/predictor").text)
    shutil.copy(docblocks.ROOT / "examples/sentiment/model.onnx", tmp_path)
    engine.run(f"docker build --quiet --tag baked:1 {tmp_path}")
    listed = engine.run(
        "docker run --rm --entrypoint python3 baked:1 -c 'import os; print(os.stat(\"/models/model.onnx\"))'"
    )
    size = (tmp_path / "model.onnx").stat().st_size
    assert re.search(rf"st_size={size}\b", listed)
