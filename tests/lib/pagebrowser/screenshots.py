"""The pictures of the docs: what is on each, and what of it differs from one taking to the next."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, Playwright

import pagebrowser
from pagebrowser import fonts
from predictorserver import serve
from testcluster.ports import free_ports

EXAMPLES = Path(__file__).parents[3] / "examples"
ADDRESS = "localhost:8080"
"""The one of the docs, which the programs on the page show; the browser takes another port for it."""
DESKTOP, TALL, PHONE = {"width": 1180, "height": 740}, {"width": 1180, "height": 800}, {"width": 390, "height": 1160}
WARM = 3
VARYING = (
    ".said, .timing h3 .note, .timing .strip, .timing .legend td",
    ".chip:has(dt:text-is('Batches')) dd, .chip:has(dt:text-is('Batches')) ~ .chip",
    "#about-model .card:has(h3:text-is('Batches')), body > footer",
)
"""Times, the batch limit and the curve that follow from them, and what moves with these: another machine has others."""
_BOX = """found => found.map(element => {
    const box = element.getBoundingClientRect(), around = element.parentElement.closest("section, header, body").getBoundingClientRect();
    const card = element.matches(".card"), shadow = card ? 4 : 0;
    return [box.left - shadow, box.top, around.right, card ? innerHeight : box.bottom];
})"""


@dataclass(frozen=True)
class Screenshot:
    """A picture of the page.

    Attributes:
        image: RGB, a pixel of the screen for each of the page.
        varying: left, top, right, bottom in pixels, of each element of `VARYING`; to the right end of its section, for what follows
            a text moves with it, and of a card with its shadow to the end of the picture.
    """

    image: Image.Image
    varying: list[tuple[float, float, float, float]]


@contextmanager
def browser(playwright: Playwright, path: str) -> Iterator[tuple[Browser, int]]:
    """A browser with the fonts of the pictures, and the port at which it looks for `ADDRESS`."""
    [port] = free_ports(1)
    resolved = f"--host-resolver-rules=MAP {ADDRESS} 127.0.0.1:{port}"
    launched = pagebrowser.launch(playwright, path, resolved, env=fonts.environment())
    yield launched, port
    launched.close()


def answered(page: Page) -> None:
    """An answer of a browser and a model that are warm."""
    for _ in range(WARM):
        pagebrowser.run(page)
        page.locator("#cancel").wait_for(state="hidden")


def refused(page: Page) -> None:
    """The same model with a number that it does not take."""
    page.get_by_label("home_elo_pre").fill("1e39")
    pagebrowser.run(page)


def program(page: Page) -> None:
    """What is below: a program, and what the model is."""
    answered(page)
    page.get_by_role("tab", name="Python").click()
    page.evaluate("document.querySelector('#about-title').scrollIntoView({ block: 'center' })")


def reference(page: Page) -> None:
    """The reference of the API."""
    page.get_by_role("link", name="Reference").click()
    page.locator("#reference").wait_for(state="visible")


PICTURES: dict[str, tuple[str, str, dict[str, int], Callable[[Page], None]]] = {
    "page-text.png": ("review", "light", DESKTOP, answered),
    "page-image.png": ("digits-image", "dark", DESKTOP, answered),
    "page-about.png": ("review", "light", TALL, program),
    "page-refused.png": ("match-outcome", "light", DESKTOP, refused),
    "page-reference.png": ("match-outcome", "light", DESKTOP, reference),
    "page-phone.png": ("match-outcome", "dark", PHONE, answered),
}


def take(browser: Browser, port: int, name: str) -> Screenshot:
    """One of `PICTURES`, of the example served as README serves it."""
    example, scheme, viewport, act = PICTURES[name]
    with (
        serve(EXAMPLES / example / "gpuxmodel.yaml", "--model-dir", str(EXAMPLES / example), port=port),
        pagebrowser.opened(browser, color_scheme=scheme, viewport=viewport) as (page, _),
    ):
        pagebrowser.visit(page, f"http://{ADDRESS}/")
        act(page)
        page.mouse.move(0, 0)
        varying = [tuple(box) for selector in VARYING for box in page.locator(selector).evaluate_all(_BOX)]
        return Screenshot(Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB"), varying)
