"""A real browser for the tests of the page: Debian's chromium (or any other on PATH), driven by Playwright.

Playwright's own browsers are not downloaded: a machine that builds this has a package manager that it trusts.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, Page, Playwright, Request

from testcluster.waiting import SOON

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW_TO = "the page's tests need chromium: apt-get install -y --no-install-recommends chromium fonts-dejavu-core"


def program() -> str | None:
    """The browser's path: `GPUX_CHROMIUM`, or the first of `NAMES` on PATH."""
    return os.environ.get("GPUX_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def launch(
    playwright: Playwright, path: str, *options: str, env: dict[str, str | float | bool] | None = None
) -> Browser:
    """A browser without a window; chromium's sandbox does not run as root."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, args=[*arguments, *options], env=env)


@dataclass
class Seen:
    """What a page did while it was open.

    Attributes:
        requests: the address of every request, wherever it went.
        problems: uncaught errors, and what the browser wrote to the console as an error (a policy that was broken, too).
    """

    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@contextmanager
def opened(browser: Browser, **context: Any) -> Iterator[tuple[Page, Seen]]:
    """An empty page in a context of its own; what it did is noted."""
    made = browser.new_context(**context)
    seen = Seen()

    def requested(request: Request) -> None:
        seen.requests.append(request.url)

    made.on("request", requested)
    made.set_default_timeout(SOON * 1000)
    page = made.new_page()
    page.on("pageerror", lambda error: seen.problems.append(str(error)))
    page.on("console", lambda message: seen.problems.append(message.text) if message.type == "error" else None)
    try:
        yield page, seen
    finally:
        made.close()


def visit(page: Page, url: str) -> None:
    """Opens the page of a model and waits until it can be tried."""
    page.goto(url)
    page.locator("#model").wait_for(state="visible")


def run(page: Page) -> None:
    """Presses the button and waits for an answer or a refusal."""
    page.get_by_role("button", name="Run").click()
    page.locator("#answer .outputs, #answer [role=alert]:not(:empty)").first.wait_for()
