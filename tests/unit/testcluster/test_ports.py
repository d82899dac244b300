"""Ports of tests that run at once."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

import testcluster
from testcluster.ports import free_ports

DRAW = """
import random, sys
from testcluster.ports import free_ports
random.seed(7)
print(*free_ports(20), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ports are kept for tests on Linux only")
def test_two_tests_that_draw_the_same_numbers_get_other_ports() -> None:
    """A server listens a moment after its port was chosen; another test chose the same one meanwhile."""
    lib = str(Path(testcluster.__file__).parents[1])
    command = [sys.executable, "-c", DRAW]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": lib}
    ) as other:
        assert other.stdout is not None
        theirs = set(map(int, other.stdout.readline().split()))
        state = random.getstate()
        random.seed(7)
        ours = free_ports(20)
        random.seed(7)
        again = free_ports(20)
        random.setstate(state)
        other.communicate()
    assert len(theirs) == len(set(ours)) == len(set(again)) == 20
    assert not theirs & set(ours)
    assert not set(ours) & set(again)
