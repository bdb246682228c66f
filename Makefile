# Everything runs in .venv, made on first use from pyproject.toml.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARTICLES ?= examples

.PHONY: install run test lint types bench bench-quick fuzz labels model clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml setup.py stance/_kernel.c
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

bench-quick: install  ## every suite on little data: that it runs, and that its records are well formed
	$(BIN)/python -m benchmarks --quick

SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1

fuzz: install  ## the compiled scorer's property tests, long, with the address and undefined-behaviour sanitizers on
	CFLAGS="$(SANITIZE)" LDFLAGS="$(SANITIZE)" $(BIN)/python setup.py --quiet build_ext --inplace --force
	LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
	  STANCE_FUZZ=3000 $(BIN)/python -m pytest tests/test_kernel.py; status=$$?; \
	  $(BIN)/python setup.py --quiet build_ext --inplace --force; exit $$status

labels: install  ## check the labels and rebuild labels/gold
	$(BIN)/stance labels check labels
	$(BIN)/stance labels split labels

model: install  ## retrain the shipped model from labels/gold
	$(BIN)/stance train labels --out models/default

clean:
	rm -rf $(VENV) build *.egg-info
