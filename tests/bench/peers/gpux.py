"""`gpux serve` with one thread, for which it has no setting: its own pool ignores the process's CPU affinity."""

import sys
from pathlib import Path

import onnxruntime
import yaml
from tests.bench.peers import common

SESSION_OPTIONS = onnxruntime.SessionOptions
KINDS = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(int64)": "int64"}


def one_thread() -> onnxruntime.SessionOptions:
    """Session options as gpux makes them, but for the threads."""
    options = SESSION_OPTIONS()
    options.intra_op_num_threads = 1
    return options


def describe(file: str) -> dict[str, object]:
    """The gpux.yml of a model."""
    session = common.session(file)
    return {
        "name": "model",
        "model": {"source": file},
        "inputs": [{"name": item.name, "type": KINDS[item.type]} for item in session.get_inputs()],
        "outputs": [{"name": item.name, "type": KINDS[item.type]} for item in session.get_outputs()],
    }


if __name__ == "__main__":
    model, port, _ = common.arguments()
    Path("gpux.yml").write_text(yaml.safe_dump(describe(model)))
    onnxruntime.SessionOptions = one_thread
    from gpux.cli.main import app  # type: ignore[import-not-found]

    sys.argv = ["gpux", "serve", "model", "--host", "127.0.0.1", "--port", str(port)]
    app()
