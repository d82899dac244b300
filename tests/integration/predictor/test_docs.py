"""The blocks of the documentation that say `run on` or `run in` (tests/lib/docblocks), each with the answer that the page shows."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from docblocks import ROOT, Block, blocks, pages
from pictures import encoded
from predictorserver import PROGRAM, Server

PAGES = [page for page in pages() if any(block.verb.startswith("run") for block in blocks(page))]
_PLACE = re.compile(r"[\w-]*…")
_URL = re.compile(r"http://localhost:80[08]0")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_get_their_answers(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    digit = (load_digits().images[3] * 15).astype(np.uint8)
    (tmp_path / "digit.png").write_bytes(encoded(Image.fromarray(digit)))
    known: dict[str, str] = {}
    for block in blocks(page):
        if block.verb == "run on":
            server: Server = request.getfixturevalue(block.object.replace("-", "_"))
            printed = run(_URL.sub(str(server.http.base_url).rstrip("/"), block.text), tmp_path, known)
        elif block.verb == "run in":
            shutil.copytree(ROOT / "examples" / block.object, tmp_path, dirs_exist_ok=True)
            printed = run(commands(block), tmp_path, known)
        else:
            continue
        if block.answer is not None:
            known |= compared(json.loads(block.answer), json.loads(printed), str(block))
        if block.language == "console":
            shown = "\n".join(line for line in block.text.splitlines() if not line.startswith("$ "))
            assert re.fullmatch(re.escape(shown).replace(r"\.\.\.", r"(?:.|\n)*"), printed.strip()), (
                f"{block}: {printed}"
            )


def commands(block: Block) -> str:
    if block.language != "console":
        return block.text
    return "\n".join(line[2:] for line in block.text.splitlines() if line.startswith("$ "))


def run(script: str, folder: Path, known: dict[str, str]) -> str:
    """What a script prints; it fails with the first of its commands that does."""
    for place, value in known.items():
        script = script.replace(place, value)
    environment = os.environ | {"PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
    return done.stdout


def compared(shown: Any, found: Any, where: str) -> dict[str, str]:
    """Holds an answer against the one that is shown, in which "…" stands for any text; what stood there, by its name."""
    if isinstance(shown, dict):
        assert isinstance(found, dict), where
        assert list(shown) == list(found), where
        parts = [compared(value, found[key], f"{where} {key}") for key, value in shown.items()]
    elif isinstance(shown, list):
        assert isinstance(found, list), where
        assert len(shown) == len(found), where
        parts = [compared(*pair, where) for pair in zip(shown, found, strict=True)]
    elif isinstance(shown, str) and "…" in shown:
        pattern = "(.+)".join(re.escape(part) for part in _PLACE.split(shown))
        match = re.fullmatch(pattern, str(found))
        assert match, f"{where}: {found}"
        return dict(zip(_PLACE.findall(shown), match.groups(), strict=True))
    else:
        expected = pytest.approx(shown, abs=1e-6) if isinstance(shown, float) else shown
        assert found == expected, where
        return {}
    return {place: value for part in parts for place, value in part.items()}
