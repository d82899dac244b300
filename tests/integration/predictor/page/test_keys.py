"""A model that asks for an API key: the page asks its reader, sends it with everything, and shows programs that read it."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect
from tests.integration.predictor.page.test_snippets import LANGUAGES, answer_of, shown, with_node

import onnxmodels
from predictorserver import Server, serve
from testcluster.ports import free_ports

Open = Callable[..., Page]
KEY = "a-key-of-the-reader"


def manifest(folder: Path, **keys: Any) -> tuple[Path, str, str]:
    """What `serve` takes for a model with a key."""
    onnxmodels.identity(folder / "model.onnx")
    document = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "closed"},
        "spec": {
            "model": {"source": {"uri": "file://model.onnx"}},
            "access": {"apiKeys": {"secretRef": {"name": "callers"}, **keys}},
        },
    }
    path = folder / "gpuxmodel.yaml"
    path.write_text(yaml.safe_dump(document))
    (folder / "keys").mkdir()
    (folder / "keys" / "reader").write_text(KEY)
    return path, "--api-keys-dir", str(folder / "keys")


def keyed(folder: Path, **keys: Any) -> Iterator[Server]:
    with serve(*manifest(folder, **keys)) as server:
        yield server


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from keyed(tmp_path_factory.mktemp("closed"))


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from keyed(tmp_path_factory.mktemp("described"), publicDescription=True)


@pytest.fixture(scope="module")
def slowed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One request a second, and no more at once."""
    yield from keyed(tmp_path_factory.mktemp("slowed"), rateLimit={"requestsPerSecond": 1, "burst": 1})


def enter(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use this key").click()


def test_a_closed_model_is_tried_with_a_key(
    closed: Server, open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(closed.http.base_url, wait=False)
    expect(page.get_by_role("heading", name="This model asks for a key")).to_be_visible()
    expect(page.get_by_label("API key")).to_be_focused()
    expect(page.locator("#model")).to_be_hidden()
    enter(page, "zwei Wörter")
    expect(page.get_by_role("alert").filter(has_text="A key has no spaces")).to_be_visible()
    enter(page, "wrong")
    expect(page.get_by_label("API key")).to_have_value("")
    enter(page, KEY)
    expect(page.locator("#model")).to_be_visible()
    page.get_by_label("x", exact=True).fill("[1, 2]")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer .outputs")).to_be_visible()
    monkeypatch.setenv("API_KEY", KEY)
    for language in with_node():
        program = shown(page, language)
        assert KEY not in program
        if language == "Python":  # answer_of isolates Python from the environment
            done = subprocess.run(
                [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
            )
            assert "'y': [1.0, 2.0]" in done.stdout
        else:
            assert answer_of(program, language, tmp_path) == {"y": [1.0, 2.0]}, program
    page.reload()
    expect(page.locator("#model")).to_be_visible()


def test_a_task_of_a_closed_model(
    closed: Server, open_page: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page(closed.http.base_url, wait=False)
    enter(page, KEY)
    page.get_by_label("x", exact=True).fill("[1, 2]")
    page.get_by_label("as a task").check()
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer .outputs")).to_be_visible()
    monkeypatch.setenv("API_KEY", KEY)
    for language in [name for name in with_node() if name != "Python"]:
        answer = answer_of(shown(page, language), language, tmp_path)
        assert answer["result"] == {"y": [1.0, 2.0]}, json.dumps(answer)
    assert "Request(f" in shown(page, LANGUAGES[1])


def test_a_described_model_asks_when_it_is_run(described: Server, open_page: Open) -> None:
    page = open_page(described.http.base_url)
    page.get_by_label("x", exact=True).fill("[1, 2]")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer [role=alert] .problem-title")).to_contain_text("401")
    enter(page, KEY)
    expect(page.get_by_role("button", name="Run")).to_be_focused()
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer .outputs")).to_be_visible()


def test_a_client_of_one_request_a_second_loads_the_page(slowed: Server, open_page: Open) -> None:
    page = open_page(slowed.http.base_url, wait=False)
    enter(page, KEY)
    expect(page.get_by_role("heading", name="The server asks to wait")).to_be_visible()
    expect(page.locator("#waiting .reason")).to_have_text("429")
    expect(page.locator("#waiting")).to_contain_text("Client 'reader' sends more than 1 requests a second")
    expect(page.locator("#model")).to_be_visible()
    expect(page.locator("#waiting")).to_be_hidden()


def test_a_task_of_a_client_of_one_request_a_second(slowed: Server, open_page: Open) -> None:
    """Its first poll is refused, since the submission took the token; the task runs all the same."""
    page = open_page(slowed.http.base_url, wait=False)
    enter(page, KEY)
    page.get_by_label("x", exact=True).fill("[1, 2]")
    page.get_by_label("as a task").check()
    page.wait_for_timeout(1100)  # until there is a token to submit it
    with page.expect_response(lambda answer: "task_status" in answer.url and answer.status == 429):
        page.get_by_role("button", name="Run").click()
    expect(page.locator("#answer [role=status]").first).to_contain_text("The task succeeded")
    expect(page.locator("#answer .outputs")).to_be_visible()


def test_a_task_that_loses_its_key_is_no_failed_one(described: Server, open_page: Open) -> None:
    """The key goes between the submission and the first poll, as one that is revoked does."""
    page = open_page(described.http.base_url)
    page.get_by_role("button", name="Run").click()
    enter(page, KEY)
    found = page.evaluate(
        """async () => {
            const [{ runTask }, { askForKey }] = [await import("./page/task.js"), await import("./page/key.js")];
            const lose = ({ state }) => state === "submitted" && askForKey(document.createElement("div"), "");
            return runTask('{"x": [1, 2]}', lose);
        }"""
    )
    assert (found["ok"], found["status"]) == (False, 401)
    assert "id" not in found, "the page asks for a key, and does not say that the task failed"


def test_a_server_that_goes_away_before_it_describes_the_model(tmp_path: Path, open_page: Open) -> None:
    arguments = manifest(tmp_path)
    [port] = free_ports(1)
    with serve(*arguments, port=port) as server:
        page = open_page(server.http.base_url, wait=False)
        expect(page.get_by_label("API key")).to_be_visible()
    enter(page, KEY)
    expect(page.locator("#waiting .reason")).to_have_text("NoAnswer")
    with serve(*arguments, port=port):
        expect(page.locator("#model")).to_be_visible()
