"""Both programs on a terminal and in a shell: what they print to whom, and what is completed."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from clihelp import PROGRAMS, commands

BIN = Path(sys.executable).parent
every_program = pytest.mark.parametrize("program", PROGRAMS)
TYPO = """\
apiVersion: gpux.io/v1alpha1
kind: GpuxModel
metadata: {name: m}
spec: {model: {source: {uri: s3://b/m}}, runtime: {batchng: {}}}
"""
GPUX_YML = "name: m\nmodel: {source: a.onnx}\ncolour: blue\n"


def on_a_terminal(*command: str | Path, **environment: str) -> str:
    """What a command shows on a terminal, both streams in one."""
    outside, inside = pty.openpty()
    base = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    with subprocess.Popen([BIN / command[0], *command[1:]], stdout=inside, stderr=inside, env=base | environment):
        os.close(inside)
        shown = b""
        try:
            while part := os.read(outside, 4096):
                shown += part
        except OSError:  # Linux says so when the last writer has gone
            pass
    os.close(outside)
    return shown.decode()


@every_program
def test_no_summary_of_a_command_is_cut(program: str) -> None:
    shown = CliRunner().invoke(PROGRAMS[program], ["--help"], terminal_width=80).stdout
    listed = shown.split("Commands:\n")[1]
    assert len(listed.splitlines()) == len(PROGRAMS[program].commands)
    assert "..." not in listed


@pytest.mark.parametrize("command", [("gpux-operator", "validate"), ("gpux-predictor", "import")], ids=str)
def test_colours_are_for_terminals_that_want_them(tmp_path: Path, command: tuple[str, str]) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(TYPO if command[0] == "gpux-operator" else GPUX_YML)
    assert "\x1b[" in on_a_terminal(*command, path)
    assert "\x1b[" not in on_a_terminal(*command, path, NO_COLOR="1")
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
