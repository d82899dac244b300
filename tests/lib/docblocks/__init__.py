"""The fenced blocks of the documentation, and what is to be done with each.

An HTML comment on the line before a block says what tests do with it, unless its language does:

    <!-- run on review -->      bash, against a server of examples/review; the JSON block after it is the answer
    <!-- run in match-outcome --> bash, in a copy of that example's folder
    <!-- not run: tests/e2e/test_models.py does it -->   a test that exists, or one of `REASONS`

Without a comment: `yaml` is validated, `mermaid` is a diagram, `text` is a help text, `json` is the answer of the block before.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[3]
REASONS = (
    "needs NVIDIA's libraries",
    "needs kind",
    "an answer, shortened",
    "a command that serves until it is stopped",
)
_MARK = re.compile(r"<!-- (run on|run in|not run:) (.+?) -->\s*$", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of a page.

    Attributes:
        page: relative to the repository.
        line: of its fence, from 1.
        language: the first word after the fence; empty for none or an indented block.
        text: what is in it.
        verb: "run on", "run in", "not run:", or empty without a comment.
        object: what the comment says after it.
        answer: the text of the JSON block that follows at once.
    """

    page: str
    line: int
    language: str
    text: str
    verb: str
    object: str
    answer: str | None = None

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Every page that a user reads; not the reports that programs write."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md"]
    return found + sorted((ROOT / "docs").glob("*.md")) + sorted((ROOT / "charts").glob("*/README.md"))


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, those with an answer before it joined to it, in their order."""
    found: list[Block] = []
    end = 0
    for block, begin, stop in _parsed(page):
        follows = (
            bool(found) and begin - end <= 2 and found[-1].verb in {"run on", "run in"} and found[-1].answer is None
        )
        if block.language == "json" and not block.verb and follows:
            found[-1] = Block(**(vars(found[-1]) | {"answer": block.text}))
        else:
            found.append(block)
        end = stop
    return found


def one(page: str, begins: str) -> Block:
    """The one block of a page whose text begins so.

    Args:
        page: its path in the repository.
        begins: as much of its text as no other block begins with.
    """
    [found] = [block for block in blocks(ROOT / page) if block.text.startswith(begins)]
    return found


def inline(program: str) -> dict[str, str]:
    """The command lines of a program between the words of the pages, each with the page where it first stands; none that is cut short."""
    found: dict[str, str] = {}
    for page in pages():
        for line in re.findall(rf"`({program} [^`]+ [^`]+)`", page.read_text(encoding="utf-8")):
            if "…" not in line:
                found.setdefault(line, str(page.relative_to(ROOT)))
    return found


def manifests(block: Block) -> list[dict[str, Any]]:
    """The objects of a YAML block; one that shows a part of a spec is made a whole GpuxModel."""
    source = {"model": {"source": {"uri": "s3://models/fragment"}}}
    head = {"apiVersion": "gpux.io/v1alpha1", "kind": "GpuxModel", "metadata": {"name": "fragment"}}
    return [
        written if "apiVersion" in written else head | {"spec": source | written["spec"]}
        for written in yaml.safe_load_all(block.text)
    ]


def _parsed(page: Path) -> Iterator[tuple[Block, int, int]]:
    """Each block with the lines where it begins and ends."""
    mark = ("", "")
    for token in MarkdownIt().enable("table").parse(page.read_text(encoding="utf-8")):
        if token.type in {"fence", "code_block"} and token.map is not None:
            language = token.info.split()[0] if token.info.strip() else ""
            name = str(page.relative_to(ROOT))
            begin, end = token.map
            yield Block(name, begin + 1, language, token.content, *mark), begin, end
        if token.type == "html_block" and (said := _MARK.search(token.content)):
            mark = (said[1], " ".join(said[2].split()))
        elif token.nesting == 0:
            mark = ("", "")
