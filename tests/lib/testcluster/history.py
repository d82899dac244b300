"""What an older commit of this repository had."""

import subprocess
from pathlib import Path

import pytest

from testcluster.chart import CHART


def chart(commit: str, folder: Path) -> Path:
    """The chart of a commit, unpacked into a folder; the test is skipped where the history does not go back so far."""
    root = CHART.parents[1]
    archive = subprocess.run(["git", "archive", commit, "charts/gpux"], cwd=root, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"no commit {commit} in this checkout (a shallow clone?): git fetch --unshallow")
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder / "charts" / "gpux"
