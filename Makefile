# make run: install what is missing and play the farm; make test: every test.
# Options go through ARGS: make run ARGS="--agents 1000 --seed 3"

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt
ARGS ?=
# Those that need no file of one's own; histories records test data, regressions tries a baseline.
STUDIES := $(filter-out benchmarks/_% benchmarks/histories.py benchmarks/regressions.py, $(wildcard benchmarks/*.py))

.PHONY: run test lint bench docs clean

run: .venv/.installed
	$(BIN)/teem run farm $(ARGS)

# Two processes are a little quicker than one on two cores; ARGS="-n 0" runs in one, -m slow the long studies.
test: .venv/.installed-dev
	$(BIN)/python tests/compile_kernels.py
	$(BIN)/python -m pytest -n 2 $(ARGS)

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.installed-dev
	@for script in $(STUDIES); do echo "== $$script"; $(BIN)/python "$$script" $(ARGS) || exit 1; done
	$(BIN)/teem bench treasure-alone treasure-run

docs: .venv/.installed-docs
	$(BIN)/sphinx-build --fail-on-warning docs docs/_build/html

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("teem needs Python 3.11 or newer: make PYTHON=python3.12 run" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

# A stamp each, so that pip runs only when what is wanted has changed.
.venv/.installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing teem into .venv"
	$(PIP) -e .
	@touch $@

.venv/.installed-dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing teem and its tools into .venv"
	$(PIP) -e '.[dev]'
	@touch $@ .venv/.installed

.venv/.installed-docs: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e '.[docs]'
	@touch $@

clean:
	rm -rf .venv docs/_build
