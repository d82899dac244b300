"""Batch predictions by the real command, for tests: a classifier of tables, its manifest, and runs of it."""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from predictorserver import PROGRAM

HEADER = "match_id,home_team,match_date,a,b\n"


@dataclass
class Case:
    """A manifest with its model in a folder, and its results in `results` beside them."""

    folder: Path
    manifest: Path

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def command(self, *arguments: str) -> list[str]:
        return [str(PROGRAM), "batch", str(self.manifest), "--json", *arguments]

    def run(self, *arguments: str, code: int = 0) -> dict[str, Any]:
        done = subprocess.run(self.command(*arguments), check=False, capture_output=True, text=True, timeout=100)
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if code == 0 else {"error": done.stderr}

    def table(self, *rows: str, header: str = HEADER, name: str = "matches.csv") -> Path:
        file = self.folder / name
        file.write_text(header + "".join(f"{row}\n" for row in rows))
        return file


def write(folder: Path, **spec: Any) -> Case:
    document = {
        "apiVersion": "gpux.io/v1alpha1",
        "kind": "GpuxModel",
        "metadata": {"name": "matches"},
        "spec": {"model": {"source": {"uri": "file://model.onnx"}, "version": "1"}, **spec},
    }
    manifest = folder / "gpuxmodel.yaml"
    manifest.write_text(yaml.safe_dump(document))
    return Case(folder, manifest)


def killed_midway(case: Case, *arguments: str) -> Path:
    """Kills a run (SIGKILL) that has done some pieces; returns its unfinished file."""
    process = subprocess.Popen(case.command(*arguments), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while not any(part.stat().st_size > 300_000 for part in case.results.glob(".part-*.sqlite")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.wait()
    [part] = case.results.glob(".part-*.sqlite")
    return part


def batch(**entities: Any) -> dict[str, Any]:
    return {"entities": {"uri": "file://matches.csv", **entities}, "output": {"uri": "file://results"}}
