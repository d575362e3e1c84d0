SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
PYTHON ?= $(shell for python in python3.11 python3.12 python3; do \
	"$$python" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo "$$python" && break; done)

export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help setup demo loop test search lint ui bench clean

help:  ## Show these targets
	@sed -nE 's/^([a-z]+):.*## (.*)/\1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 10

setup: $(VENV)/.installed  ## Make .venv with exactly what requirements.lock names

demo: $(VENV)/.installed  ## From raw data to registered candidates, with a summary
	@$(BIN)/mlops demo

loop: $(VENV)/.installed  ## Customers ask and change, the model fails, a retrained one takes over; about three minutes
	@$(BIN)/mlops demo --loop

test: lint  ## All checks: format, lint, types, tests
	@$(BIN)/pytest -n 2 --dist worksteal

search: $(VENV)/.installed  ## The tests of properties with other examples than the suite's; one that fails is kept and tried first
	@MLOPS_TEST_EXAMPLES=random $(BIN)/pytest -m hypothesis -n 2 --dist worksteal

lint: $(VENV)/.installed  ## Format, lint and types only
	@$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

ui: $(VENV)/.installed  ## Dagster on port 3000 and MLflow on port 5000
	@$(BIN)/mlops up --no-server

bench: $(VENV)/.installed  ## Benchmarks, each against its baseline in the same run
	@scripts=$$(grep -rl --include='*.py' '__main__' benchmarks | sort)
	for script in $$scripts; do echo "== $$script"; $(BIN)/python "$$script"; done

clean:  ## Remove what setup, tests and runs have made: .venv, caches, .mlops and the Dagster instance's records
	rm -rf $(VENV) .mlops .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find dagster_home -mindepth 1 ! -name dagster.yaml -delete

$(VENV)/.locked: requirements.lock
	@echo "setting up $(VENV): about 250 packages, some minutes the first time" >&2
	if [[ -n "$(UV)" ]]; then
		[[ -x $(BIN)/python ]] || "$(UV)" venv --quiet --python '>=3.11,<3.13' $(VENV)
		"$(UV)" pip install --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	else
		if [[ -z "$(PYTHON)" ]]; then echo "needs Python 3.11 or 3.12 with venv; name it with PYTHON=" >&2; exit 2; fi
		[[ -x $(BIN)/pip ]] || "$(PYTHON)" -m venv $(VENV)
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on --require-hashes -r requirements.lock
	fi
	touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@if [[ -n "$(UV)" ]]; then
		"$(UV)" pip install --python $(BIN)/python --no-deps --editable .
	else
		$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	fi
	touch $@
