"""Takes the pictures of the page for the docs: `python -m pagebrowser docs/images`.

The type is Inter where it is installed (Debian: fonts-inter, fonts-jetbrains-mono), else the system's.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import pagebrowser
from predictorserver import serve

EXAMPLES = Path(__file__).parents[3] / "examples"
PORT = 8080
"""The one of the docs, which the programs on the page show."""
DESKTOP, PHONE = {"width": 1180, "height": 740}, {"width": 390, "height": 1180}
WARM = 3


def answered(page: Page) -> None:
    """An answer of a browser and a model that are warm."""
    for _ in range(WARM):
        pagebrowser.run(page)
        page.wait_for_timeout(200)


def refused(page: Page) -> None:
    """The same model with a number that it does not take."""
    page.get_by_label("home_elo_pre").fill("1e39")
    pagebrowser.run(page)


def program(page: Page) -> None:
    """What is below: a program, and what the model is."""
    answered(page)
    page.get_by_role("tab", name="Python").click()
    page.mouse.wheel(0, 2000)
    page.wait_for_timeout(200)


PICTURES: dict[str, tuple[str, str, dict[str, int], Callable[[Page], None]]] = {
    "page-text.png": ("review", "light", DESKTOP, answered),
    "page-image.png": ("digits-image", "dark", DESKTOP, answered),
    "page-about.png": ("review", "light", DESKTOP, program),
    "page-refused.png": ("match-outcome", "light", DESKTOP, refused),
    "page-phone.png": ("match-outcome", "dark", PHONE, answered),
}


def take(browser: Browser, folder: Path, name: str) -> None:
    """One picture, with a palette of its own colours."""
    example, scheme, viewport, act = PICTURES[name]
    with (
        serve(EXAMPLES / example / "gpuxmodel.yaml", "--model-dir", str(EXAMPLES / example), port=PORT) as server,
        pagebrowser.opened(browser, color_scheme=scheme, viewport=viewport) as (page, _),
    ):
        pagebrowser.visit(page, str(server.http.base_url))
        act(page)
        page.mouse.move(0, 0)
        shot = Image.open(io.BytesIO(page.screenshot()))
    shot.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(folder / name, optimize=True)
    print(f"{folder / name}: {(folder / name).stat().st_size // 1000} kB")


def main(folder: Path) -> None:
    """All of them."""
    path = pagebrowser.program()
    if path is None:
        sys.exit(pagebrowser.HOW_TO)
    with sync_playwright() as playwright:
        browser = pagebrowser.launch(playwright, path)
        for name in PICTURES:
            take(browser, folder, name)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
