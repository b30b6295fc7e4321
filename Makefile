# Every way into this project. On a fresh machine with Python 3.11+ and make:
#   make run    sets up and plans a night on the sample network
#   make test   sets up and passes the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
NIGHT := data/sample

.PHONY: help run test check docs bench bless sample clean

help:
	@echo "make run | test | check | docs | bench | bless | sample"

$(VENV)/.run: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(NIGHT)/settings.toml: | $(VENV)/.run
	$(BIN)/python cli.py sample $(NIGHT) --dcs 3 --dealers 12 --parts 300 --months 24 --seed 1

run: $(VENV)/.run $(NIGHT)/settings.toml
	$(BIN)/python cli.py run $(NIGHT)

sample: $(VENV)/.run
	$(BIN)/python cli.py sample $(NIGHT) --dcs 3 --dealers 12 --parts 300 --months 24 --seed 1 --force

test: $(VENV)/.dev
	$(BIN)/python -m pytest

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/.dev
	$(BIN)/python -m docs.generate

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.night --out benchmarks/night.csv
	$(BIN)/python -m benchmarks.forecast --speed 45000 --out benchmarks/forecast.csv

bless: $(VENV)/.dev
	$(BIN)/python -m tests.golden.bless

clean:
	rm -rf $(VENV) build dist *.egg-info
