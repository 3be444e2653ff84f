# Two commands matter: `make quickstart` and `make test`. Each sets up what it needs; a second call installs nothing.
PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
PIP     = $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: quickstart test test-all lint format sample bench clean
.DEFAULT_GOAL := help

help:
	@echo "make quickstart   set up, rehearse a small study on the CPU, say where the report is"
	@echo "make test         set up, run the fast tests"
	@echo "make test-all     every test, the slow ones too"
	@echo "make lint         ruff, mypy, import-linter        make format   let ruff mend what it can"
	@echo "make sample       the sample page and its picture in docs/, from the quickstart's rehearsal"
	@echo "make bench        Waystage against its peers, side by side"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Waystage needs Python >= 3.11; '$(PYTHON)' is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing Waystage into $(VENV) (once; torch is large)"
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

quickstart: $(VENV)/.installed
	$(BIN)/waystage rehearse studies/quickstart.toml

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2

test-all: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n 2 -m ''

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

sample: $(VENV)/.installed
	$(BIN)/python tools/sample_page.py

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
