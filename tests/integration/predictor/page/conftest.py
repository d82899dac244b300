"""A browser for the tests of a module; each test has a page of its own, which must have kept to the rules when it ends."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from tests.integration.predictor.page.test_answers import manifest

import onnxmodels
import pagebrowser
from predictorserver import Server, serve
from testcluster.waiting import SOON

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One a module: while it runs, its event loop is this thread's, and no test elsewhere could run one."""
    if (path := pagebrowser.program()) is None:
        pytest.skip(pagebrowser.HOW_TO)
    expect.set_options(timeout=SOON * 1000)
    with sync_playwright() as playwright:
        browser = pagebrowser.launch(playwright, path)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Open]:
    """Opens pages; afterwards nothing may have left loopback, and nothing may be on the console but refusals of the server."""
    with ExitStack() as stack:
        seen: list[pagebrowser.Seen] = []

        def open_page(url: object, *, wait: bool = True, **context: Any) -> Page:
            page, noted = stack.enter_context(pagebrowser.opened(browser, **context))
            seen.append(noted)
            if wait:
                pagebrowser.visit(page, str(url))
            else:
                page.goto(str(url))
            return page

        yield open_page
    asked = [url for noted in seen for url in noted.requests]
    assert {urlsplit(url).hostname for url in asked if not url.startswith("data:")} <= {"127.0.0.1"}
    problems = [text for noted in seen for text in noted.problems if not text.startswith("Failed to load resource")]
    assert problems == []


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Tensors of several types by names: what is sent as bytes over /v2."""
    folder = tmp_path_factory.mktemp("several")
    onnxmodels.several(folder / "model.onnx")
    with serve(manifest(folder, **{"async": {"enabled": True, "listed": True}})) as server:
        yield server


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found
