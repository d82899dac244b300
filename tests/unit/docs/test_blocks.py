"""Every block of the documentation is run, validated, or says which test does it instead."""

import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from clihelp import PROGRAMS, commands, help_of
from docblocks import REASONS, ROOT, Block, blocks, manifests, pages
from gpux_api.manifests import parse
from gpux_operator.build.checks import spec_problems

BLOCKS = [block for page in pages() for block in blocks(page)]
DIAGRAMS = ("flowchart ", "stateDiagram-v2", "sequenceDiagram")
SHELL = ("sh", "console")


def of(*languages: str) -> pytest.MarkDecorator:
    found = [block for block in BLOCKS if block.language in languages]
    return pytest.mark.parametrize("block", found, ids=str)


def test_blocks_are_found() -> None:
    assert len(BLOCKS) > 40
    assert {"README.md", "examples/README.md", "docs/quickstart.md"} <= {block.page for block in BLOCKS}
    assert any(block.answer for block in BLOCKS)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_something_is_done_with_it(block: Block) -> None:
    if block.verb == "not run:":
        tests = re.findall(r"tests/[\w/.]+\.py", block.object)
        assert tests or block.object in REASONS, f"{block}: name a test that does it, or say one of {REASONS}"
        assert [test for test in tests if not (ROOT / test).is_file()] == [], f"{block}: no such test"
    elif not block.verb:
        assert block.language in {"yaml", "mermaid", "text"}, (
            f"{block}: nothing runs this block. Write <!-- run on EXAMPLE -->, <!-- run in EXAMPLE --> or "
            "<!-- not run: tests/….py does it --> on the line before it (tests/lib/docblocks)"
        )
    else:
        assert (ROOT / "examples" / block.object / "gpuxmodel.yaml").is_file(), f"{block}: no such example"
        assert block.language in SHELL


@of("yaml")
def test_manifests(block: Block) -> None:
    for document in manifests(block):
        if document["kind"] == "GpuxModel":
            found = [str(problem.reason) for problem in spec_problems(parse(document, str(block)), "default")]
            spec = document["spec"]
            laptop = spec["model"]["source"]["uri"].startswith("file://") and "image" not in spec.get("serving", {})
            assert found == (["FileSourceInCluster"] if laptop else [])
        else:
            assert {"apiVersion", "kind", "metadata"} <= set(document), f"{block}: not a whole object"


@of("mermaid")
def test_diagrams(block: Block) -> None:
    assert block.text.startswith(DIAGRAMS)


@of("text")
def test_help_texts(block: Block) -> None:
    assert block.verb or block.text in {help_of(command) for command in commands()}


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in SHELL], ids=str)
def test_what_shell_blocks_name_exists(block: Block) -> None:
    """Also those that are not run: files, make targets, options of our programs and values of the chart."""
    text = block.text.replace("\\\n", " ")
    for path in re.findall(r"(?<![\w/.-])(?:examples|charts|operator|predictor|docs)/[\w./-]+", text):
        assert (ROOT / path).exists(), f"{block}: {path} is not there"
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"^(?:\$ )?make ([a-z][a-z0-9-]*)", text, re.MULTILINE):
        assert target in targets, f"{block}: make has no target {target}"
    for line in re.findall(r"gpux-(?:predictor|operator) [a-z].*", text):
        _check_options(block, line)
    for key in re.findall(r"--set(?:-string)? ([\w.]+)=", text):
        assert _value(key.split(".")), f"{block}: the chart has no value {key}"


def _check_options(block: Block, line: str) -> None:
    program, name, *words = shlex.split(re.split(r"[|;&>#]", line)[0])
    command = PROGRAMS[program].commands.get(name)
    assert command is not None, f"{block}: {program} has no command {name}"
    known = {option for item in command.params if isinstance(item, click.Option) for option in item.opts}
    used = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
    assert used <= known | {"--help"}, f"{block}: {program} {name} has no {used - known}"


def _value(keys: list[str]) -> bool:
    values = yaml.safe_load((ROOT / "charts" / "gpux" / "values.yaml").read_text())
    for key in keys:
        if not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return True


MAKE = sorted({line for block in BLOCKS for line in re.findall(r"^(?:\$ )?(make [^\n#]*)", block.text, re.MULTILINE)})


@pytest.mark.parametrize("line", MAKE)
def test_make_knows_what_to_do(line: str) -> None:
    """What make would run, and that our program takes those arguments; nothing is run."""
    command = ["make", "--dry-run", "--no-print-directory", *shlex.split(line)[1:]]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    serve = done.stdout.splitlines()[-1]
    assert serve.startswith(".venv/bin/gpux-predictor serve "), "a test for what else is shown belongs here"
    manifest = shlex.split(serve)[2]
    assert (ROOT / manifest).is_file()
    _check_options(BLOCKS[0], serve.removeprefix(".venv/bin/"))


def test_every_link_exists() -> None:
    for page in pages():
        text = re.sub(r"`[^`\n]*`", "", page.read_text())  # a regular expression is no link
        for link, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(#[^)]*)?\)", text):
            target = page.parent / link if link else page
            assert target.exists(), f"{page.name} links to {link}"
            if anchor and target.suffix == ".md":
                assert anchor[1:] in _anchors(target), f"{page.name} links to {link}{anchor}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", index.read_text()))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")} - {index.name}


def test_make_targets_in_the_text_exist() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in pages():
        assert set(re.findall(r"`make ([a-z0-9-]+)", page.read_text())) <= targets, page.name
