"""The pictures of the docs are of the page as it is: each is taken anew and compared, but for a machine's own times."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import pagebrowser
from pagebrowser import screenshots, specimen
from pagebrowser.comparing import Difference, difference

DOCS = Path(__file__).parents[4] / "docs"
IMAGES = DOCS / "images"
Opened = tuple[Browser, int]


@pytest.fixture(scope="module")
def opened() -> Iterator[Opened]:
    """The browser of the pictures; skips where it draws otherwise than the one that took those in the docs."""
    if (path := pagebrowser.program()) is None:
        pytest.skip(pagebrowser.HOW_TO)
    with sync_playwright() as playwright, screenshots.browser(playwright, path) as (browser, port):
        found = difference(Image.open(specimen.COMMITTED), specimen.take(browser))
        if not found.equal:
            pytest.skip(
                f"chromium {browser.version} draws {found.pixels} pixels of a specimen that is none of ours otherwise than the "
                "one that took docs/images/page-*.png: THE PICTURES ARE NOT COMPARED. `make page-images` takes them with this one"
            )
        yield browser, port


@pytest.mark.parametrize("name", screenshots.PICTURES)
def test_it_is_the_page_as_it_is(name: str, opened: Opened, tmp_path: Path) -> None:
    new = screenshots.take(*opened, name)
    found = difference(Image.open(IMAGES / name), new.image, new.varying)
    if not found.equal:
        found.image.save(tmp_path / name)
    assert found.equal, (
        f"docs/images/{name} is not what is seen: {found.pixels} pixels differ (-1: its size does), in red in {tmp_path / name}. "
        "`make page-images` takes the pictures again; look at them before you commit them"
    )


def after(change: str, name: str, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> Difference:
    """How a picture differs from that of the docs where a script has changed the page before it is taken."""
    *rest, act = screenshots.PICTURES[name]

    def changed(page: Page) -> None:
        act(page)
        page.evaluate(change)

    monkeypatch.setitem(screenshots.PICTURES, name, (*rest, changed))
    new = screenshots.take(*opened, name)
    return difference(Image.open(IMAGES / name), new.image, new.varying)


@pytest.mark.parametrize(
    "change",
    [
        "document.querySelector('#answer-title').textContent = 'Answers'",
        "document.documentElement.style.setProperty('--accent', '#0f826e')",
        "document.querySelector('.area-answer').style.paddingTop = '1px'",
    ],
    ids=["a letter more", "another green", "a pixel lower"],
)
def test_a_change_of_the_page_is_seen(change: str, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not after(change, "page-text.png", opened, monkeypatch).equal


SLOWER = """
for (const dd of document.querySelectorAll("#chips dd")) if (dd.textContent.startsWith("up to")) dd.textContent = "up to 8";
for (const said of document.querySelectorAll(".said")) said.textContent = said.textContent.replace(/[0-9.]+ ms/, "1234.5 ms");
for (const took of document.querySelectorAll(".legend td")) took.textContent = "246.9 ms";
for (const stage of document.querySelectorAll(".stage")) stage.style.flexGrow = 1;
for (const row of document.querySelectorAll("#about-model .curve tbody tr:nth-child(n + 5)")) row.remove();
"""


@pytest.mark.parametrize("name", screenshots.PICTURES)
def test_a_slower_machine_takes_the_same(name: str, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """Longer times, and a batch limit of less: what stands beside it moves."""
    assert after(SLOWER, name, opened, monkeypatch).equal


def test_they_are_all_of_the_page_that_the_docs_show() -> None:
    assert {file.name for file in IMAGES.glob("page-*.png")} == set(screenshots.PICTURES)
    shown = (DOCS / "page.md").read_text()
    assert [name for name in screenshots.PICTURES if f"](images/{name})" not in shown] == []
    assert "](docs/images/page-text.png)" in (DOCS.parent / "README.md").read_text()
