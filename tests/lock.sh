#!/usr/bin/env bash
# Pins every dependency by version and hash: `make lock` runs it. The files name no registry; pip asks the one it is set to.
# tests/constraints.txt is resolved first; the images' files take their versions from it, so that what is tested is what runs.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url \
    --no-emit-package gpux-api "$@"
}
compile --extra cpu --extra storage --extra telemetry --extra kubeconfig crds/pyproject.toml operator/pyproject.toml predictor/pyproject.toml tests/requirements.in -o tests/constraints.txt
compile -c tests/constraints.txt crds/pyproject.toml operator/pyproject.toml -o operator/constraints.txt
compile -c tests/constraints.txt --extra cpu --extra storage --extra telemetry crds/pyproject.toml predictor/pyproject.toml -o predictor/constraints.txt
compile -c tests/constraints.txt --extra gpu --extra storage --extra telemetry crds/pyproject.toml predictor/pyproject.toml -o predictor/constraints-gpu.txt

{
  echo "# What the packages' wheels are built with in the images; runs nowhere. Pinned by tests/lock.sh."
  echo setuptools | compile -c tests/constraints.txt -
} >crds/build-constraints.txt
{
  echo "# Writes the images' bills of materials while they are built; runs nowhere else. Pinned by tests/lock.sh."
  echo cyclonedx-bom | compile -c tests/constraints.txt -
} >crds/sbom-constraints.txt

tests/bench/peers/lock.sh
