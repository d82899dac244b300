"""`completion`, and what a shell gets from it."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from gpux_predictor.__main__ import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_calls_the_program(shell: str) -> None:
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert f"_GPUX_PREDICTOR_COMPLETE={shell}_complete" in done.stdout


def test_what_the_script_calls_completes() -> None:
    program = "from gpux_predictor.__main__ import main; main(prog_name='gpux-predictor')"
    environment = os.environ | {
        "_GPUX_PREDICTOR_COMPLETE": "bash_complete",
        "COMP_WORDS": "gpux-predictor b",
        "COMP_CWORD": "1",
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["plain,batch", "plain,bench"]


def test_another_shell() -> None:
    assert CliRunner().invoke(main, ["completion", "csh"]).exit_code == 2
