"""Takes the pictures of the page for the docs: `python -m pagebrowser docs/images`."""

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import pagebrowser
from pagebrowser import screenshots, specimen


def save(image: Image.Image, file: Path) -> None:
    """Every pixel as it was drawn."""
    image.save(file, optimize=True)
    print(f"{file}: {file.stat().st_size // 1000} kB")


def main(folder: Path) -> None:
    """All of them, and what says to the test of them how this browser draws."""
    path = pagebrowser.program()
    if path is None:
        sys.exit(pagebrowser.HOW_TO)
    with sync_playwright() as playwright, screenshots.browser(playwright, path) as (browser, port):
        save(specimen.take(browser), specimen.COMMITTED)
        for name in screenshots.PICTURES:
            save(screenshots.take(browser, port, name).image, folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
