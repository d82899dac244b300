"""Both programs on a terminal and in a shell: what they print to whom, and what is completed."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from clihelp import PROGRAMS, commands
from terminal import BIN, COLOURS, shown, typed

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


@dataclass(frozen=True)
class Shell:
    """A shell with the line of the program's help in its startup file."""

    name: str
    file: str
    before: str = ""

    def completed(self, line: str, program: str, home: Path) -> str:
        """The line as it stands after Tab."""
        if shutil.which(self.name) is None:
            pytest.skip(
                f"{self.name} is not on this machine: THE COMPLETION FOR IT IS NOT TESTED (apt-get install {self.name})"
            )
        text = CliRunner().invoke(PROGRAMS[program], ["completion", "--help"]).stdout
        [found] = re.findall(rf"^  In ~/{re.escape(self.file)}.*?: (.*)$", text, re.MULTILINE)
        (home / self.file).parent.mkdir(parents=True, exist_ok=True)
        (home / self.file).write_text(f"{self.before}{found}\n")
        (home / "some-model.yaml").touch()
        places = {"HOME": str(home), "TERM": "xterm", "PATH": f"{BIN}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
        if self.name == "fish":  # it has words for what Tab would do
            command = ["fish", "-c", f"cd; complete -C '{line}'"]
            words = subprocess.run(command, env=places, capture_output=True, text=True, check=True).stdout
            return f"{line.rpartition(' ')[0]} {words.split()[0] if words else ''}"
        keys = f"cd\r{line}\t\x01echo FOUND \r"  # Ctrl-A goes to the begin of the line
        return typed(keys, r"[\r\n]FOUND (.*?) ?\r", self.name, "-i", **places)[1]


SHELLS = [
    Shell("bash", ".bashrc"),
    Shell("zsh", ".zshrc", "autoload -Uz compinit; compinit -u\n"),
    Shell("fish", ".config/fish/config.fish"),
]


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell.name)
@every_program
def test_a_shell_takes_the_script_and_completes(program: str, shell: Shell, tmp_path: Path) -> None:
    assert shell.completed(f"{program} comp", program, tmp_path) == f"{program} completion"
    file = "check some-m" if program == "gpux-predictor" else "validate some-m"
    assert shell.completed(f"{program} {file}", program, tmp_path) == f"{program} {file}odel.yaml"
