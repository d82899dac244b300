"""What a reader has to know of the machine and the versions to judge the figures."""

import os
import platform
import subprocess
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .cores import Cores
from .environments import versions

ROOT = Path(__file__).parents[2]
SHOWN = ("onnxruntime", "numpy", "uvicorn", "kserve", "gpux", "mlserver", "bentoml", "litserve", "orjson")


def describe(cores: Cores) -> dict[str, Any]:
    """The machine, the time and the commit, and which core does what."""
    return {
        **processor(),
        "server_core": cores.server,
        "load_core": cores.load,
        "load_average": round(os.getloadavg()[0], 2),
    }


def processor() -> dict[str, Any]:
    """The machine, the time and the commit."""
    return {
        "cpu": _cpu_model(),
        "cpus": os.cpu_count() or 1,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "commit": _commit(),
    }


def packages(peers: Iterable[str]) -> dict[str, dict[str, str]]:
    """Versions by who runs on them: the checkout, and each peer."""
    names = ("onnxruntime", "numpy", "uvicorn", "kserve", "orjson")
    found = {"checkout": {name: version(name) for name in names}}
    for peer in peers:
        found[peer] = {name: number for name, number in versions(peer).items() if name in SHOWN}
    return found


def _cpu_model() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() or "unknown"
