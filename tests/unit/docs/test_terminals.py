"""Both programs on a terminal and in a shell: what they print to whom, and what is completed."""

import os
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from clihelp import PROGRAMS, commands
from terminal import BIN, COLOURS, shown

every_program = pytest.mark.parametrize("program", PROGRAMS)
TYPO = """\
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {name: m}
spec: {model: {source: {uri: s3://b/m}}, runtime: {batchng: {}}}
"""
GPUX_YML = "name: m\nmodel: {source: a.onnx}\ncolour: blue\n"


@every_program
def test_no_summary_of_a_command_is_cut(program: str) -> None:
    text = CliRunner().invoke(PROGRAMS[program], ["--help"], terminal_width=80).stdout
    listed = text.split("Commands:\n")[1]
    assert len(listed.splitlines()) == len(PROGRAMS[program].commands)
    assert "..." not in listed


@pytest.mark.parametrize("command", [("gpux-operator", "validate"), ("gpux-predictor", "import")], ids=str)
def test_colours_are_for_terminals_that_want_them(tmp_path: Path, command: tuple[str, str]) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(TYPO if command[0] == "gpux-operator" else GPUX_YML)
    assert COLOURS.search(shown(*command, path).terminal)
    assert "\x1b[" not in shown(*command, path, NO_COLOR="1").terminal
    piped = subprocess.run([BIN / command[0], command[1], path], capture_output=True, text=True, check=False)
    assert piped.stdout + piped.stderr
    assert "\x1b[" not in piped.stdout + piped.stderr


@pytest.mark.parametrize(
    "name", [name for name in commands() if not name.endswith((" completion", " run", "gpux-operator check"))]
)
def test_a_shell_completes_the_names_of_files(name: str) -> None:
    program, command = name.split()
    found = [item for item in PROGRAMS[program].commands[command].params if isinstance(item, click.Argument)]
    assert found
    context = click.Context(PROGRAMS[program].commands[command])
    for argument in found:
        assert [item.type for item in argument.shell_complete(context, "")] == ["file"], argument.name


@every_program
def test_bash_takes_the_script_and_completes(program: str) -> None:
    function = f"_{program.replace('-', '_')}_completion"
    script = f"""
        eval "$({program} completion bash)" && complete -p {program} > /dev/null
        COMP_WORDS=({program} comp) COMP_CWORD=1
        {function} {program}
        echo "${{COMPREPLY[@]}}"
    """
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("completion\n", "")
