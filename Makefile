# Every target does all the set-up there is: a virtual environment in .venv, made anew when its inputs change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup models demo test lint types check bench clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml constraints.txt
	@echo "setting up $(VENV), which takes a few minutes"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

setup: $(READY)  ## make the virtual environment

models: $(READY)  ## fetch the language model and the encoder into the user's cache
	$(BIN)/crossrec models fetch

demo: models  ## train DQN without context, with a template's and with a language model's; print one table
	$(BIN)/crossrec demo $(ARGS)

test: models  ## run the tests
	$(BIN)/python -m pytest $(ARGS)

lint: $(READY)  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## check types of the package as it ships
	rm -rf build .types
	$(BIN)/python -m pip install --quiet --no-deps --target .types .
	rm -rf build
	cd .types && ../$(BIN)/mypy --config-file ../pyproject.toml crossrec

check: lint types test  ## all that decides whether work lands

bench: models  ## print the figures that the README quotes, each beside its reference
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.training
	$(BIN)/python -m benchmarks.calibration

clean:  ## remove what the targets made, but no runs
	rm -rf $(VENV) build .types .mypy_cache .ruff_cache *.egg-info
