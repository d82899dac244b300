"""What a request costs beyond `session.run`: raw onnxruntime, our /predict, and KServe's V1 on the same server, in one run.

One client, one connection, closed loop; the server is pinned to one core and the client to another where there are two.
Ratios count, not absolute times: machines differ and are noisy. Peers and higher concurrency come with their own benchmark.
"""

import argparse
import http.client
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime

from predictorserver import serve

EXAMPLE = Path(__file__).parents[2] / "examples" / "sentiment"
BODY = {"input_ids": [101, 1045, 2293, 2023, 102], "attention_mask": [1] * 5}


def microseconds(call: Callable[[], object], requests: int) -> dict[str, float]:
    """The median and the 99th percentile of one call, in microseconds."""
    times = []
    for _ in range(requests):
        started = time.perf_counter_ns()
        call()
        times.append((time.perf_counter_ns() - started) / 1000)
    return {"p50": round(statistics.median(times), 1), "p99": round(statistics.quantiles(times, n=100)[98], 1)}


def post(connection: http.client.HTTPConnection, path: str, body: object) -> Callable[[], bytes]:
    """A call that sends the body and reads the answer."""
    content = json.dumps(body).encode()

    def call() -> bytes:
        connection.request("POST", path, content, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {answer!r}")
        return answer

    return call


def measure(requests: int) -> dict[str, dict[str, float]]:
    """Microseconds of each way to run the same request."""
    session = onnxruntime.InferenceSession(EXAMPLE / "model.onnx", providers=["CPUExecutionProvider"])
    feeds = {name: np.array([value]) for name, value in BODY.items()}
    found = {"onnxruntime session.run": microseconds(lambda: session.run(None, feeds), requests)}
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    with serve(EXAMPLE / "gpuxmodel.yaml", "--model-dir", str(EXAMPLE)) as server:
        if len(cores) > 1:
            os.sched_setaffinity(server.process.pid, {cores[0]})
            os.sched_setaffinity(0, {cores[1]})
        connection = http.client.HTTPConnection("127.0.0.1", server.http.base_url.port or 80)
        calls = {"gpux /predict": post(connection, "/predict", BODY)}
        calls["KServe V1 on the same server"] = post(connection, "/v1/models/sentiment:predict", {"instances": [BODY]})
        for call in calls.values():
            microseconds(call, 100)
        found |= {name: microseconds(call, requests) for name, call in calls.items()}
    return found


def main() -> None:
    """Prints a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=2000, help="requests of each kind")
    parser.add_argument("--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    found = measure(options.requests)
    if options.output == "json":
        sys.stdout.write(json.dumps(found) + "\n")
        return
    raw = found["onnxruntime session.run"]["p50"]
    print(f"{'microseconds':32} {'p50':>8} {'p99':>8} {'p50 - raw':>10}")
    for name, row in found.items():
        print(f"{name:32} {row['p50']:8.1f} {row['p99']:8.1f} {row['p50'] - raw:10.1f}")


if __name__ == "__main__":
    main()
