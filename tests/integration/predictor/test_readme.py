"""The first screen of the README is true: its manifest is valid, its curl line gets its answer."""

import re
import subprocess
from pathlib import Path

import yaml

from gpux_api.manifests import parse
from predictorserver import Server

README = (Path(__file__).parents[3] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_the_manifest() -> None:
    assert parse(yaml.safe_load(blocks("yaml")[0])).metadata.name == "sentiment"


def test_the_curl_line(sentiment: Server) -> None:
    [command] = [block for block in blocks("sh") if block.startswith("curl")]
    url = str(sentiment.http.base_url).rstrip("/")
    found = subprocess.run(
        ["bash", "-c", command.replace("http://localhost:8080", url)], capture_output=True, text=True, check=True
    )
    assert found.stdout == blocks("json")[0].strip()


def test_every_link_and_make_target_exists() -> None:
    root = Path(__file__).parents[3]
    targets = set(re.findall(r"^([a-z0-9-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    for page in (root / "README.md", root / "CONTRIBUTING.md", *(root / "docs").glob("*.md")):
        text = page.read_text()
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
        assert set(re.findall(r"`make ([a-z0-9-]+)`", text)) <= targets, page.name
