# Everything runs in .venv, made on first use from pyproject.toml.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARTICLES ?= examples

.PHONY: install run test lint types bench labels model clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@

run: install  ## train from the labels, then classify the articles of ARTICLES sentence by sentence
	$(BIN)/stance train labels --out build/model
	$(BIN)/stance classify --model build/model $(ARTICLES)

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

bench: install
	$(BIN)/python -m benchmarks

labels: install  ## check the labels and rebuild labels/gold
	$(BIN)/stance labels check labels
	$(BIN)/stance labels split labels

model: install  ## retrain the shipped model from labels/gold
	$(BIN)/stance train labels --out models/default

clean:
	rm -rf $(VENV) build *.egg-info
