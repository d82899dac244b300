"""How a browser draws what is not ours: pictures are only compared where it draws as the one that took them did."""

import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

import pagebrowser

COMMITTED = Path(__file__).with_name("specimen.png")
_TEXT = "Sphinx of black quartz, judge my vow: 0123456789 % { } / é"
_HTML = f"""<!doctype html><meta charset="utf-8"><style>
  body {{ margin: 16px; font: 16px/1.5 Inter, serif; background: #f7f7f5; color: #1b1c1a; }}
  code {{ font: 13px "JetBrains Mono", serif; }}
  div {{ width: 200px; padding: 8px; border-radius: 12px; background: white; box-shadow: 0 4px 16px rgb(0 0 0 / 4%); }}
</style>
<p style="font-size: 28px; font-weight: 600">{_TEXT}</p><p>{_TEXT}</p><p style="font-size: 13px">{_TEXT}</p><code>{_TEXT}</code>
<div><input type="checkbox"> <textarea>text</textarea><details><summary>more</summary></details></div>"""


def take(browser: Browser) -> Image.Image:
    """RGB: letters of all kinds, controls, a shadow."""
    with pagebrowser.opened(browser, color_scheme="light", viewport={"width": 900, "height": 400}) as (page, _):
        page.set_content(_HTML)
        return Image.open(io.BytesIO(page.screenshot())).convert("RGB")
