"""The programs that the page shows are run as they stand, and answer what the page answers."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from playwright.sync_api import Page, expect

import onnxmodels
from pictures import encoded
from predictorserver import Server, serve

Open = Callable[..., Page]
LANGUAGES = ["curl", "Python", "JavaScript"]
NASTY = 'it\'s "quoted" \\ $HOME `id` é 🙂 %s'


def shown(page: Page, language: str) -> str:
    page.get_by_role("tab", name=language).click()
    return page.get_by_role("region", name="Program", exact=True).inner_text().replace("\xa0", " ")


def answer_of(program: str, language: str, folder: Path) -> Any:
    """What a program prints."""
    commands = {
        "curl": ["bash", "-euo", "pipefail", "-c", program],
        "Python": [sys.executable, "-I", "-c", program],
        "JavaScript": ["node", "--input-type=module", "-e", program],
    }
    done = subprocess.run(commands[language], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout) if language == "Python" else json.loads(done.stdout)


def check(page: Page, languages: list[str], folder: Path, expected: Any) -> None:
    for language in languages:
        program = shown(page, language)
        assert answer_of(program, language, folder) == expected, program


def with_node() -> list[str]:
    return LANGUAGES if shutil.which("node") else LANGUAGES[:2]


def test_a_text(review: Server, open_page: Open, tmp_path: Path) -> None:
    page = open_page(review.http.base_url)
    for text in ("I love this product!", NASTY, "two\nlines", "x" * 5000):
        page.get_by_label("text").fill(text)
        check(page, with_node(), tmp_path, review.http.post("/predict", json={"text": text}).json())


def test_features(match_outcome: Server, open_page: Open, tmp_path: Path) -> None:
    page = open_page(match_outcome.http.base_url)
    page.get_by_label("match_id").fill("a 'b'")
    page.get_by_label("home_elo_pre").fill("")
    features = {"diff_win_5_mean": 0.3, "diff_goals_for_3_mean": 0.6, "sex": 0}
    expected = match_outcome.http.post("/predict", json={"match_id": "a 'b'", "features": features}).json()
    check(page, with_node(), tmp_path, expected)


def test_a_picture_of_any_size(digits_image: Server, open_page: Open, tmp_path: Path) -> None:
    """A small one is in the program, a large one is read from its file."""
    page = open_page(digits_image.http.base_url)
    noise = np.random.default_rng(1).integers(0, 255, (120, 120), dtype=np.uint8)
    file = tmp_path / 'it\'s "large" $x.png'
    file.write_bytes(encoded(Image.fromarray(noise)))
    assert "iVBOR" in shown(page, "curl")
    page.get_by_label("image").set_input_files(file)
    expect(page.get_by_text(f"Run it in the folder of {file.name}.")).to_be_visible()
    assert "iVBOR" not in shown(page, "curl")
    expected = digits_image.http.post("/predict", files={"image": file.read_bytes()}).json()
    check(page, with_node(), tmp_path, expected)


def test_a_task(review: Server, open_page: Open, tmp_path: Path) -> None:
    page = open_page(review.http.base_url)
    page.get_by_label("as a task").check()
    for text in (NASTY, "x" * 5000):
        page.get_by_label("text").fill(text)
        expected = review.http.post("/predict", json={"text": text}).json()
        for language in with_node():
            found = answer_of(shown(page, language), language, tmp_path)
            assert (found["status"], found["result"]) == ("success", expected)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("raw")
    onnxmodels.identity(folder / "model.onnx", "int64", ("batch", 2))
    document = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "raw"},
        "spec": {"model": {"source": {"uri": "file://."}}},
    }
    (folder / "gpuxmodel.yaml").write_text(yaml.safe_dump(document))
    with serve(folder / "gpuxmodel.yaml") as server:
        yield server


def test_large_integers(raw: Server, open_page: Open, tmp_path: Path) -> None:
    page = open_page(raw.http.base_url)
    page.get_by_label("x", exact=True).fill("[9007199254740993, -9223372036854775808]")
    check(page, with_node(), tmp_path, {"y": [9007199254740993, -9223372036854775808]})


def test_the_javascript_runs_in_a_browser(review: Server, open_page: Open) -> None:
    page = open_page(review.http.base_url)
    program = shown(page, "JavaScript")
    with page.expect_console_message() as message:
        page.evaluate(f"(async () => {{ {program} }})()")
    assert json.loads(message.value.text) == {"sentiment": [0.05, 0.95]}


def test_it_is_copied(review: Server, open_page: Open) -> None:
    page = open_page(review.http.base_url, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the program").click()
    expect(page.get_by_role("button", name="Copy the program")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == shown(page, "curl")


def test_a_request_that_is_not_complete_keeps_the_last(digits: Server, open_page: Open) -> None:
    page = open_page(digits.http.base_url)
    before = shown(page, "curl")
    page.get_by_label("image").fill("[1,")
    assert shown(page, "curl") == before
    expect(page.get_by_text("The request is not complete")).to_be_visible()
