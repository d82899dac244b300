"""README's first two commands as a new user gives them: a fresh copy of this repository, an empty home, nothing in pip's cache."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from docblocks import ROOT, one
from testcluster.ports import free_ports
from testcluster.waiting import SOON, eventually

SECONDS = 300
"""README says a minute, of a machine with nothing else to do; this is when a user has given up."""
NOT_YET = "The model is not ready: "
"""How a server begins its answer while the model is loaded and tried."""
MADE = shutil.ignore_patterns(".*_cache", ".git", ".venv", ".hypothesis", "__pycache__", "*.egg-info", "build", "dist")
PIP_CONFIGS = (".config/pip/pip.conf", ".pip/pip.conf", "Library/Application Support/pip/pip.conf")
OURS = (
    "GPUX_",
    "MAKE",
    "MFLAGS",
    "PYTEST_",
    "XDG_",
    "VIRTUAL_ENV",
    "PYTHONPATH",
    "PYTHONHOME",
    "WORKERS",
    "HOST",
    "PORT",
    "MODEL",
)
"""How the names of variables begin that a new user has not, whoever runs this test."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What a clone has: the files that git knows, as they are now; without git, all but what the targets make."""
    target = tmp_path / "gpux"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode or not (ROOT / ".git").exists():
        shutil.copytree(ROOT, target, ignore=MADE)
        return target
    for name in listed.stdout.decode().split("\0")[:-1]:
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An empty home and an empty TMPDIR, and what tells pip how to reach its index; skips where it does not."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    for name in PIP_CONFIGS:
        if (found := Path.home() / name).exists():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(found, home / name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    ours = Path(sys.executable).parent.resolve()
    path = [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder).resolve() != ours]
    places = {"HOME": str(home), "TMPDIR": str(temporary), "PIP_CACHE_DIR": str(home / ".cache" / "pip")}
    made = kept | places | {"PATH": os.pathsep.join(path)}
    asked = [
        sys.executable,
        "-m",
        "pip",
        "--retries",
        "1",
        "--timeout",
        "20",
        "download",
        "--no-deps",
        "--no-cache-dir",
    ]
    done = subprocess.run(
        [*asked, "-d", temporary, "annotated-types"], env=made, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(
            f"pip reaches no package index: `make run` FROM NOTHING IS NOT TESTED. {done.stderr.splitlines()[-1]}"
        )
    shutil.rmtree(temporary)
    temporary.mkdir()
    return made


@pytest.fixture
def run(copy: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Gives a command in a session of its own, of which nothing is left after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(*command: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                command, cwd=copy, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        started.append(process)
        return process

    yield run
    for process in started:
        if is_left(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_left(group: int) -> bool:
    """Whether a process of this group is there."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.alone
@pytest.mark.timeout(SECONDS + 4 * SOON)
def test_from_a_clone_to_the_answer(
    run: Callable[..., "subprocess.Popen[bytes]"], environment: dict[str, str], tmp_path: Path
) -> None:
    command = one("README.md", "make run").text.split()
    curl = one("README.md", "curl -X POST http://localhost:8080/predict")
    [port] = free_ports(1)
    log, began = tmp_path / "log", time.monotonic()
    process = run(*command, f"PORT={port}")

    def answer() -> str | None:
        assert process.poll() is None, f"`make run` has ended: {log.read_text()[-3000:]}"
        asked = ["bash", "-c", curl.text.replace("http://localhost:8080/", f"http://localhost:{port}/")]
        said = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False, timeout=30).stdout
        return None if NOT_YET in said else said

    while not (said := answer()) and time.monotonic() - began < SECONDS:
        time.sleep(0.1)
    seconds = time.monotonic() - began
    print(f"from the clone to the answer: {seconds:.0f} s")
    assert curl.answer is not None
    assert json.loads(said or "null") == json.loads(curl.answer), log.read_text()[-3000:]
    assert seconds < SECONDS
    counted = re.findall(r"^  (\d+) of (\d+)  ", log.read_text(), re.MULTILINE)
    assert counted[-1] == (str(len(counted)), str(len(counted))), "what is counted up to is what comes"

    page = httpx.get(f"http://localhost:{port}/", headers={"Accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert '<script type="module" src="page/main.js">' in page.text
    ends_with_nothing_left(process, port, environment)


def ends_with_nothing_left(process: "subprocess.Popen[bytes]", port: int, environment: dict[str, str]) -> None:
    """SIGTERM to make, as a terminal that is closed or a supervisor gives it."""
    process.terminate()
    process.wait(SOON)
    eventually(lambda: not is_left(process.pid), SOON, "no process of it is left")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://localhost:{port}/health")
    assert list(Path(environment["TMPDIR"]).iterdir()) == []
