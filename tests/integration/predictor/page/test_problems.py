"""What is wrong is said where it is wrong, in the server's words; a model that is not ready says why, and the page waits."""

import json
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from playwright.sync_api import Page, expect

import onnxmodels
import pagebrowser
from predictorserver import Server, serve
from testcluster.ports import free_ports

Open = Callable[..., Page]
MANIFEST = {
    "apiVersion": "gpux.io/v1alpha1",
    "kind": "GpuxModel",
    "metadata": {"name": "test"},
    "spec": {"model": {"source": {"uri": "file://."}}},
}


def test_a_refusal_stands_at_its_field(digits: Server, open_page: Open) -> None:
    page = open_page(digits.http.base_url)
    field = page.get_by_label("image")
    field.fill("[[1, 2]]")
    pagebrowser.run(page)
    refusal = digits.http.post("/predict", json={"image": [[1, 2]]}).json()["detail"]
    expect(page.locator("#answer [role=alert] .problem")).to_have_text(refusal)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(refusal)
    expect(field).to_be_focused()


def test_a_right_answer_takes_the_refusal_away(review: Server, open_page: Open) -> None:
    page = open_page(review.http.base_url)
    page.get_by_role("tab", name="JSON").click()
    page.get_by_label("Body of the request").fill('{"txt": "x"}')
    pagebrowser.run(page)
    expect(page.locator("#answer .problem-title")).to_have_text("The server refused the request: 400")
    expect(page.get_by_label("Body of the request")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Body of the request").fill('{"text": "x"}')
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("region", name="sentiment")).to_be_visible()
    expect(page.locator("#answer [role=alert]")).to_be_empty()
    expect(page.get_by_label("Body of the request")).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize(("typed", "message"), [("1,5", "'1,5' is no number."), ("", "Write a number.")])
def test_a_feature_that_is_no_number(match_outcome: Server, open_page: Open, typed: str, message: str) -> None:
    page = open_page(match_outcome.http.base_url)
    page.get_by_label("sex").fill(typed)
    pagebrowser.run(page)
    expect(page.get_by_label("sex")).to_have_accessible_description(message)
    expect(page.get_by_label("sex")).to_be_focused()
    expect(page.get_by_label("diff_win_5_mean")).not_to_have_attribute("aria-invalid", "true")


def test_a_feature_that_the_server_refuses(match_outcome: Server, open_page: Open) -> None:
    page = open_page(match_outcome.http.base_url)
    page.get_by_label("sex").fill("1e39")
    pagebrowser.run(page)
    expect(page.get_by_label("sex")).to_have_accessible_description(
        "Invalid feature value for 'sex': 1e+39 is out of range for float32"
    )


def test_no_json(digits: Server, open_page: Open) -> None:
    page = open_page(digits.http.base_url)
    page.get_by_label("image").fill("[1,")
    pagebrowser.run(page)
    expect(page.locator("#answer .problem-title")).to_have_text("The request is not complete")
    expect(page.locator("#answer .problem")).to_contain_text("This is no JSON")


def test_a_file_that_is_no_picture(digits_image: Server, open_page: Open, tmp_path: Path) -> None:
    page = open_page(digits_image.http.base_url)
    (tmp_path / "note.png").write_text("no picture")
    page.get_by_label("image").set_input_files(tmp_path / "note.png")
    pagebrowser.run(page)
    expect(page.get_by_label("image")).to_have_attribute("aria-invalid", "true")


def test_a_model_that_is_not_ready(tmp_path: Path, open_page: Open) -> None:
    """It failed, and another process on the same address serves it: the page goes on by itself."""
    (tmp_path / "gpuxmodel.yaml").write_text(json.dumps(MANIFEST))
    [port] = free_ports(1)
    with serve(tmp_path / "gpuxmodel.yaml", ready=False, port=port) as server:
        page = open_page(server.http.base_url, wait=False)
        expect(page.get_by_role("heading", name="The model is not ready")).to_be_visible()
        expect(page.locator("#waiting .reason")).to_have_text("ModelFileNotFound")
        expect(page.get_by_role("heading", level=1)).to_have_text("test")
        health = server.http.get("/health").json()
        expect(page.locator("#waiting")).to_contain_text(health["detail"])
    expect(page.locator("#waiting .reason")).to_have_text("NoAnswer")
    onnxmodels.identity(tmp_path / "model.onnx")
    with serve(tmp_path / "gpuxmodel.yaml", port=port):
        expect(page.get_by_role("heading", name="Request")).to_be_visible()
        expect(page.locator("#waiting")).to_be_hidden()


def test_a_server_that_goes_away(tmp_path: Path, open_page: Open) -> None:
    (tmp_path / "gpuxmodel.yaml").write_text(json.dumps(MANIFEST))
    onnxmodels.identity(tmp_path / "model.onnx")
    with serve(tmp_path / "gpuxmodel.yaml") as server:
        page = open_page(server.http.base_url)
    pagebrowser.run(page)
    expect(page.locator("#answer .problem-title")).to_have_text("The server did not answer")


def test_a_name_is_never_markup(tmp_path: Path, open_page: Open) -> None:
    name = "<img src=x onerror=alert(1)>"
    node = onnx.helper.make_node("Identity", [name], [f"{name}!"])
    inputs, outputs = onnxmodels.tensor(name, "string", ["N"]), onnxmodels.tensor(f"{name}!", "string", ["N"])
    onnxmodels.save(tmp_path / "model.onnx", [node], [inputs], [outputs])
    (tmp_path / "gpuxmodel.yaml").write_text(json.dumps(MANIFEST))
    with serve(tmp_path / "gpuxmodel.yaml") as server:
        page = open_page(server.http.base_url)
        page.get_by_label(name).fill("<b>bold</b>")
        pagebrowser.run(page)
        expect(page.locator("#answer .value")).to_have_text("<b>bold</b>")
        assert page.locator("main img, main b").count() == 0
