"""Tasks on the page: submitted, waited for, cancelled."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import onnxmodels
import pagebrowser
from predictorserver import Server, serve

Open = Callable[..., Page]
MANIFEST = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "slow"}}
SAMPLE = {"request": {"x": [1, 2], "count": [1]}, "response": {"y": [0.841, 0.909]}}
SPEC = {"model": {"source": {"uri": "file://."}}}
LONG = "[20000000]"
"""Iterations that take about 20 s."""


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("slow")
    onnxmodels.slow(folder / "model.onnx", None)
    (folder / "gpuxmodel.yaml").write_text(json.dumps(MANIFEST | {"spec": SPEC | {"samples": [SAMPLE]}}))
    with serve(folder / "gpuxmodel.yaml") as server:
        yield server


def test_a_task(review: Server, open_page: Open) -> None:
    page = open_page(review.http.base_url)
    page.get_by_label("as a task").check()
    pagebrowser.run(page)
    expect(page.locator("#answer [role=status]").first).to_have_text(
        re.compile("^The task succeeded in .* ms: positive, 95.0 %$")
    )
    expect(page.get_by_role("region", name="sentiment")).to_be_visible()


def test_its_state_is_shown_and_it_is_cancelled(slow: Server, open_page: Open) -> None:
    page = open_page(slow.http.base_url)
    page.get_by_label("count").fill(LONG)
    page.get_by_label("as a task").check()
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer [role=status]").first).to_have_text(re.compile(r"^Task [0-9a-f]{8} … is submitted"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#answer .problem-title")).to_have_text("The task failed")
    expect(page.locator("#answer .problem")).to_have_text("Cancelled by DELETE")
    expect(page.get_by_role("button", name="Cancel")).to_be_hidden()


def test_a_request_that_is_cancelled_stops_its_run(slow: Server, open_page: Open) -> None:
    page = open_page(slow.http.base_url)
    page.get_by_label("count").fill(LONG)
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#answer [role=status]").first).to_have_text("Cancelled.")
    page.get_by_label("count").fill("[1]")
    pagebrowser.run(page)  # well before the first would have ended
    expect(page.get_by_role("region", name="y")).to_be_visible()


def test_a_task_that_is_refused(slow: Server, open_page: Open) -> None:
    page = open_page(slow.http.base_url)
    page.get_by_label("count").fill('["x"]')
    page.get_by_label("as a task").check()
    pagebrowser.run(page)
    expect(page.get_by_label("count")).to_have_attribute("aria-invalid", "true")


def test_a_model_without_tasks_offers_none(tmp_path: Path, open_page: Open) -> None:
    onnxmodels.identity(tmp_path / "model.onnx")
    spec = SPEC | {"async": {"enabled": False}}
    (tmp_path / "gpuxmodel.yaml").write_text(json.dumps(MANIFEST | {"spec": spec}))
    with serve(tmp_path / "gpuxmodel.yaml") as server:
        page = open_page(server.http.base_url)
        expect(page.get_by_label("as a task")).to_be_hidden()
