# Two commands from a fresh clone: `make report` and `make test`. Both build .venv first when it is missing.

.DEFAULT_GOAL := help
.PHONY: help setup report test test-all lint lab bench peers lock clean clean-all

# The Python that makes .venv: 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo "  Another Python:  make setup PYTHON=python3.12"

setup: $(READY) ## Build .venv with the locked packages (says first how much it downloads)

report: $(READY) ## Run the quick-start notebooks on real data and write reports/index.html
	@$(BIN)/avrec report

test: $(READY) ## Run the fast tests (minutes)
	$(PYTEST) -m "not slow and not browser"

test-all: $(READY) ## Run every test: also all notebooks, faults, and reports in Chromium
	$(PYTEST)

lint: $(READY) ## Check style, notebooks too (ruff), and types (mypy)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lab: $(READY) ## Open the notebooks in JupyterLab
	@$(BIN)/avrec lab

bench: $(READY) ## Measure speed and memory, one line a benchmark
	@for file in $(wildcard tests/benchmarks/[!_]*.py); do $(BIN)/python $$file || exit 1; done

peers: ## Build .venv-rectools, the peer that `make bench` holds sequences against
	$(PYTHON) -m venv .venv-rectools
	.venv-rectools/bin/pip install --quiet 'torch==2.13.0' 'rectools[torch]==0.19.0'

lock: $(READY) ## Move requirements.lock to the newest versions that pyproject.toml allows
	@$(BIN)/python -m avrec_lib.install --renew-lock

clean: ## Remove what tests and tools left; data, reports and .venv stay
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find avrec_lib tests notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +

clean-all: clean ## Remove .venv too; data and reports stay
	rm -rf .venv .venv-base .venv-rectools

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) > /dev/null || { \
	  echo "avrec needs Python 3.11 or newer, and there is no $(PYTHON) here. Try: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "avrec needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m avrec_lib.install --into .venv
	@touch $@
