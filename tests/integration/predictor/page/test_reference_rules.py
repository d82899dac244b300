"""What holds for the reference as a whole: links, axe, phones, the keyboard, a path before it, keys, and a model that is not loaded."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tests.integration.predictor.page.test_answers import manifest
from tests.integration.predictor.page.test_keys import KEY, enter, keyed
from tests.integration.predictor.page.test_reference import MODELS, article, opened
from tests.integration.predictor.page.test_rules import PHONE, violations

from pagebrowser.proxied import under
from predictorserver import Server, serve

Open = Callable[..., Page]


def test_links_to_and_from_the_page(review: Server, open_page: Open) -> None:
    page = open_page(review.http.base_url)
    page.get_by_role("link", name="Reference").click()
    expect(page.locator("#reference")).to_be_visible()
    page.get_by_role("link", name="Try the model").click()
    expect(page.locator("#model")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("server", ["review", "match_outcome"], indirect=True)
def test_axe_finds_nothing(server: Server, scheme: str, open_page: Open) -> None:
    page = opened(open_page, server, color_scheme=scheme, bypass_csp=True)
    assert violations(page) == []
    page.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true; })")
    assert violations(page) == []


@pytest.mark.parametrize("server", MODELS, indirect=True)
def test_a_phone(server: Server, open_page: Open) -> None:
    page = opened(open_page, server, viewport=PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(item => { item.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


def test_by_keyboard_alone(review: Server, open_page: Open) -> None:
    page = opened(open_page, review)
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "filter":
            break
    page.keyboard.type("queue")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.url.endswith("#operation-queue")
    expect(article(page, "GET /monitoring/queue")).to_be_in_viewport()


@pytest.mark.parametrize("path", ["/models/review/docs", "/models/review/docs#operation-health"])
def test_behind_a_path(review: Server, open_page: Open, path: str) -> None:
    with under("/models/review", str(review.http.base_url)) as url:
        page = open_page(f"{url}{path}", wait=False)
        expect(article(page, "GET /health")).to_contain_text(f'curl -sS "{url}/models/review/health"')
        page.get_by_role("link", name="Try the model").click()
        expect(page.locator("#model")).to_be_visible()


def test_a_closed_model_is_described_with_a_key(
    tmp_path: Path, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", KEY)
    for server in keyed(tmp_path):
        page = open_page(f"{server.http.base_url}/docs".replace("//docs", "/docs"), wait=False)
        expect(page.get_by_role("heading", name="This model asks for a key")).to_be_visible()
        expect(page.locator("#reference")).to_be_hidden()
        enter(page, "wrong")
        expect(page.get_by_label("API key")).to_have_value("")
        enter(page, KEY)
        expect(page.locator("#reference")).to_be_visible()
        program = article(page, "POST /predict").locator(".program pre").inner_text()
        assert KEY not in program
        done = subprocess.run(["sh", "-c", program], capture_output=True, text=True, timeout=60, check=True)
        assert "y" in json.loads(done.stdout)
        assert "API_KEY" not in article(page, "GET /health").inner_text()
        page.get_by_role("link", name="Try the model").click()
        expect(page.locator("#model")).to_be_visible()  # with the same key


def test_a_model_that_is_not_loaded(tmp_path: Path, open_page: Open) -> None:
    with serve(manifest(tmp_path), ready=False) as server:
        page = opened(open_page, server)
        expect(page.locator("#about")).to_contain_text("The model is not loaded")
        expect(page.get_by_role("heading", name="The model is not ready")).to_be_visible()
        expect(article(page, "POST /predict")).to_be_visible()
