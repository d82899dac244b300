"""The examples on the page: the example is filled in, one press runs it, and the answer is drawn."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from playwright.sync_api import Page, expect

import onnxmodels
import pagebrowser
from pictures import encoded
from predictorserver import Server, serve

Open = Callable[..., Page]


def manifest(folder: Path, **spec: Any) -> Path:
    document = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "test"},
        "spec": {"model": {"source": {"uri": "file://."}}, **spec},
    }
    path = folder / "gpuxmodel.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def rows(page: Page, output: str) -> list[list[str]]:
    """The bars of an output: name and amount."""
    found = page.get_by_role("region", name=output, exact=True).locator("tbody tr")
    return [[row.locator("th").inner_text(), row.locator("td.amount").inner_text()] for row in found.all()]


def test_a_text(review: Server, open_page: Open) -> None:
    page = open_page(review.http.base_url)
    expect(page).to_have_title("review: try the model")
    assert page.get_by_label("text").input_value() == "I love this product!"
    pagebrowser.run(page)
    assert rows(page, "sentiment") == [["negative", "5.0 %"], ["positive", "95.0 %"]]
    expect(page.locator("#answer [role=status]").first).to_have_text(
        re.compile(r"^Answered in [\d.]+ ms: positive, 95.0 %$")
    )
    page.get_by_label("text").fill("what a terrible waste of money")
    pagebrowser.run(page)
    expect(page.locator("#answer .best th")).to_have_text("negative")
    page.get_by_text("JSON", exact=True).last.click()
    shown = json.loads(page.get_by_label("JSON of the answer").inner_text())
    assert shown == review.http.post("/predict", json={"text": "what a terrible waste of money"}).json()


def test_the_time_is_split(review: Server, open_page: Open) -> None:
    page = open_page(review.http.base_url)
    pagebrowser.run(page)
    legend = page.get_by_role("region", name="Timing").locator("tbody tr")
    assert [row.locator("th").inner_text() for row in legend.all()] == [
        "waited", "preprocessing", "model", "postprocessing", "network and browser",
    ]  # fmt: skip
    assert all(re.fullmatch(r"[\d.]+ ms", row.locator("td").inner_text()) for row in legend.all())


def test_an_image(digits_image: Server, open_page: Open, tmp_path: Path) -> None:
    page = open_page(digits_image.http.base_url)
    expect(page.get_by_alt_text("Preview of example.png")).to_be_visible()
    pagebrowser.run(page)
    assert rows(page, "digit")[0] == ["3", "99.5 %"]
    file = tmp_path / "mine.png"
    file.write_bytes(encoded(Image.new("L", (40, 30), 90)))
    page.get_by_label("image").set_input_files(file)
    expect(page.get_by_alt_text("Preview of mine.png")).to_be_visible()
    expect(page.get_by_text("mine.png · 40 \u00d7 30")).to_be_visible()
    pagebrowser.run(page)
    best = digits_image.http.post("/predict", files={"image": file.read_bytes()}).json()["digit"]
    assert [name for name, _ in rows(page, "digit")] == [item["label"] for item in best]


def test_a_picture_is_dropped(digits_image: Server, open_page: Open) -> None:
    page = open_page(digits_image.http.base_url)
    data = page.evaluate_handle(
        """bytes => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "dropped.png", { type: "image/png" }));
            return data;
        }""",
        list(encoded(Image.new("L", (20, 20), 255))),
    )
    page.locator(".drop").dispatch_event("drop", {"dataTransfer": data})
    expect(page.get_by_alt_text("Preview of dropped.png")).to_be_visible()


def test_features(match_outcome: Server, open_page: Open) -> None:
    page = open_page(match_outcome.http.base_url)
    assert page.get_by_label("match_id").input_value() == "99"
    assert page.get_by_label("home_elo_pre").input_value() == "1520.0"
    pagebrowser.run(page)
    expect(page.get_by_role("region", name="predicted_class").locator(".value")).to_have_text(
        re.compile("^0 *home win$")
    )
    assert [amount for _, amount in rows(page, "probabilities")] == ["58.0 %", "27.0 %", "15.0 %"]
    page.get_by_label("home_elo_pre").fill("")
    assert page.get_by_label("home_elo_pre").get_attribute("placeholder") == "absent: 1500.0"
    pagebrowser.run(page)
    expect(page.locator("#answer .entity-key")).to_have_text("match_id 99")


def test_what_the_model_is(match_outcome: Server, open_page: Open) -> None:
    page = open_page(match_outcome.http.base_url)
    info = match_outcome.http.get("/info").json()
    about = page.get_by_role("region", name="About this model")
    for text in (info["sha256"], "3f7a1c9d2e4b", "Production", "float32 · n \u00d7 4", "of home win, draw, away win"):
        expect(about.get_by_text(text, exact=True).first).to_be_visible()
    curve = about.get_by_role("table", name="What a batch costs").locator("tbody tr")
    assert curve.count() == len(info["batching"]["curve"])


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("raw")
    onnxmodels.identity(folder / "model.onnx", "int64", ("batch", 2))
    with serve(manifest(folder)) as server:
        yield server


def test_a_tensor_keeps_its_digits(raw: Server, open_page: Open) -> None:
    page = open_page(raw.http.base_url)
    assert page.get_by_label("x", exact=True).input_value() == "[1, 1]"
    page.get_by_label("x", exact=True).fill("[9007199254740993, -2]")
    pagebrowser.run(page)
    page.get_by_text("JSON", exact=True).last.click()
    expect(page.get_by_label("JSON of the answer")).to_have_text('{"y": [9007199254740993, -2]}')


def test_the_whole_body_as_json(raw: Server, open_page: Open) -> None:
    page = open_page(raw.http.base_url)
    page.get_by_role("tab", name="JSON").click()
    assert page.get_by_label("Body of the request").input_value() == '{"x": [1, 1]}'
    page.get_by_label("Body of the request").fill('{"x": [[1, 2], [3, 4]]}')
    pagebrowser.run(page)
    cells = page.get_by_role("region", name="y").locator("tbody td").all_inner_texts()
    assert cells == ["1", "2", "3", "4"]


@pytest.fixture(scope="module")
def mixed(folder: Path) -> Iterator[Server]:
    with serve(manifest(folder)) as server:
        yield server


def test_tensors_of_several_kinds(mixed: Server, open_page: Open) -> None:
    page = open_page(mixed.http.base_url)
    page.get_by_label("words").fill("a 'quoted' word")
    page.get_by_label("a", exact=True).fill("[1, 2, -3]")
    pagebrowser.run(page)
    expect(page.get_by_role("region", name="said").locator(".value")).to_have_text("a 'quoted' word")
    assert rows(page, "sum") == [["0", "1.5"], ["1", "2.5"], ["2", "-2.5"]]


@pytest.mark.parametrize(
    ("shape", "role", "name"), [((1, 3, 32, 40), "img", "y as a picture"), ((1, 200), "img", "y as a line")]
)
def test_large_answers(tmp_path: Path, open_page: Open, shape: tuple[int, ...], role: Any, name: str) -> None:
    onnxmodels.identity(tmp_path / "model.onnx", "float32", shape)
    with serve(manifest(tmp_path)) as server:
        page = open_page(server.http.base_url)
        pagebrowser.run(page)
        expect(page.get_by_role(role, name=name)).to_be_visible()
