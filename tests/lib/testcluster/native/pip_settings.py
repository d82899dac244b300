"""Hands this machine's pip settings and certificates to the builds, so that pip finds its index there as it does here."""

import ast
import subprocess
import sys
from pathlib import Path

HOST_CERTIFICATES = Path("/etc/ssl/certs")
PASSED_ON = {
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "trusted-host",
    "cert",
    "client-cert",
    "proxy",
    "timeout",
    "default-timeout",
    "retries",
}


def volumes(work: Path) -> list[str]:
    """Mount options for `buildah bud`."""
    return [f"--volume={here}:{there}:ro" for there, here in files(work).items()]


def files(work: Path) -> dict[str, Path]:
    """What a build needs by its path there: a pip.conf, which is written to `work`, and the files and folders that it names."""
    settings = _settings()
    bundle = HOST_CERTIFICATES / "ca-certificates.crt"
    if bundle.exists():
        settings.setdefault("cert", str(bundle))
    file = work / "pip.conf"
    lines = [f"{key} = {value}".replace("\n", "\n    ") for key, value in settings.items()]
    file.write_text("\n".join(["[global]", *lines, ""]))
    mounted = {str(HOST_CERTIFICATES)} if HOST_CERTIFICATES.is_dir() else set()
    for key in ("cert", "client-cert", "find-links"):
        mounted.update(word for word in settings.get(key, "").split() if _outside(word))
    return {"/etc/pip.conf": file, **{path: Path(path) for path in sorted(mounted)}}


def _outside(word: str) -> bool:
    path = Path(word)
    return path.is_absolute() and path.exists() and not path.is_relative_to(HOST_CERTIFICATES)


def _settings() -> dict[str, str]:
    """What pip is told here, by its files and by PIP_* variables; the latter come last and win."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    found: dict[str, str] = {}
    for line in sorted(listing.stdout.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if section in {"global", "install", ":env:"} and key in PASSED_ON:
            found[key] = str(ast.literal_eval(value))
    return found
