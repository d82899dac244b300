#!/usr/bin/env bash
# Pins what each peer of the benchmark runs on (needs uv). All share the checkout's onnxruntime and numpy, so that only the servers differ;
# the bare server and KServe share every version with it.
set -euo pipefail
cd "$(dirname "$0")/../../.."
checkout=tests/constraints.txt
same=$(mktemp)
trap 'rm -f "$same"' EXIT
grep -hoE '^(onnxruntime|numpy)==[^\\]*' "$checkout" >"$same"
compile() {
  local name=$1 constraints=$2
  shift 2
  printf '%s\n' onnxruntime numpy "$@" | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url -c "$constraints" - -o "tests/bench/peers/$name.txt"
}
compile bare "$checkout" orjson 'uvicorn[standard]'
compile kserve "$checkout" kserve
compile gpux "$same" gpux fastapi uvicorn  # its `serve` needs both and says so only when it starts
compile mlserver "$same" mlserver
compile bentoml "$same" bentoml
compile litserve "$same" litserve
