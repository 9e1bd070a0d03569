# Every target does all the set-up there is: a virtual environment in .venv, made anew when its inputs change.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup models demo browser plotly test lint types check check-llamacpp specs bounds bench bench-language bench-peers bench-sweeps intervals metrics-cost study contexts sensitivity unseen clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

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

# The report's page is tested in a real browser. Where none can be had, these tests say so and are left out.
browser:
	@command -v chromium chromium-browser google-chrome > /dev/null \
	    || { [ "$$(id -u)" = 0 ] && echo "installing Chromium, for the tests of the report's page" \
	        && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install chromium > /dev/null; } \
	    || echo "no Chromium here: install it to run the tests of the report's page"

PLOTLY ?= 4.1.1
plotly:  ## fetch the browser's part of Plotly anew, for the report (PLOTLY=version)
	cd experiments/reporting/plotly && npm pack --silent plotly.js-cartesian-dist-min@$(PLOTLY) \
	    && tar xzf *.tgz --strip-components=1 package/plotly-cartesian.min.js package/LICENSE && rm *.tgz

test: models browser  ## run the tests
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

lint: $(READY)  ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## check types of the package as it ships
	rm -rf build .types
	$(BIN)/python -m pip install --quiet --no-deps --target .types .
	rm -rf build
	cd .types && ../$(BIN)/mypy --config-file ../pyproject.toml crossrec

check: lint types test  ## all that decides whether work lands

specs: $(READY)  ## try 5,000 random scenario specs, well-formed and not; takes minutes
	CROSSREC_SPECS=5000 $(BIN)/python -m pytest tests/test_scenario_specs.py

bounds: $(READY)  ## bounds of every question, and their pages in docs/environments
	$(BIN)/python -m benchmarks.bounds

bench: models  ## print the figures that the README quotes, each beside its reference
	$(BIN)/python -m benchmarks.throughput
	$(BIN)/python -m benchmarks.learning
	$(BIN)/python -m benchmarks.calibration

unseen: models  ## what an agent keeps of its score when every item is new to it
	$(BIN)/python -m benchmarks.unseen $(ARGS)

study: $(if $(filter quick,$(ARGS)),$(READY),models)  ## what transfers between scenarios, on one page; a first look: ARGS=quick
	$(BIN)/crossrec study $(ARGS)

bench-language: models  ## print what language costs: one by one, in batches, from a warm store
	$(BIN)/python -m benchmarks.language
	$(BIN)/python -m benchmarks.language_gpu

bench-sweeps: $(READY)  ## sweeps that are interrupted, what a run costs in one, and how fast a report is
	$(BIN)/python -m benchmarks.interrupted
	$(BIN)/python -m benchmarks.sweep_overhead
	$(BIN)/python -m benchmarks.report_size

intervals: $(READY)  ## how often 95% intervals cover the truth, and what pairing leaves of the variance
	$(BIN)/python -m benchmarks.intervals

metrics-cost: $(READY)  ## what measuring adds to the time of an evaluation
	$(BIN)/python -m benchmarks.metrics_cost

PEERS := .venv-peers
PEERS_READY := $(PEERS)/.ready

# Each peer by itself: one that cannot be installed does not stop the other, and is tried again the next time.
# six is what recsim-no-tf needs and does not say.
$(PEERS_READY): benchmarks/peers-constraints.txt
	$(PYTHON) -m venv $(PEERS)
	@ready=yes; for peer in "recsim-no-tf six" sardine-rec; do \
	    $(PEERS)/bin/python -m pip install --quiet -c $< numpy $$peer > $(PEERS)/install.log 2>&1 \
	        || { ready=no; echo "could not be installed: $$peer: $$(grep -m1 ERROR $(PEERS)/install.log)"; }; \
	done; if [ $$ready = yes ]; then touch $@; fi

bench-peers: $(PEERS_READY)  ## print the speed of two peers, RecSim and SARDINE, in a venv of their own
	$(PEERS)/bin/python benchmarks/peers.py

contexts: models  ## what each context is worth: fine-tune, train 45 runs, probe; writes docs/contexts-*.md
	$(BIN)/crossrec context finetune --out runs/tuned
	$(BIN)/crossrec context compare --tuned runs/tuned --out docs/contexts-compared.md steps=40000 $(ARGS)
	$(BIN)/crossrec context probe --out docs/contexts-probed.md $(ARGS)

LLAMACPP := .venv-llamacpp
LLAMACPP_READY := $(LLAMACPP)/.ready

$(LLAMACPP_READY):
	@echo "setting up $(LLAMACPP): llama.cpp is compiled, which takes some minutes"
	$(PYTHON) -m venv $(LLAMACPP)
	$(LLAMACPP)/bin/python -m pip install --quiet "llama-cpp-python[server]==0.3.36"
	touch $@

check-llamacpp: $(READY) $(LLAMACPP_READY)  ## ask a real llama.cpp server for texts, in a venv of its own
	$(BIN)/python -m tests.language.llamacpp_check $(LLAMACPP)/bin/python

sensitivity: $(READY)  ## print what each effect of behaviour moves, and write docs/effects.md with its figure
	$(BIN)/python -m benchmarks.sensitivity $(ARGS)

clean:  ## remove what the targets made, but no runs
	rm -rf $(VENV) $(PEERS) $(LLAMACPP) build .types .mypy_cache .ruff_cache *.egg-info
