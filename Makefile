# Two commands to know: `make demo` and `make test`. Both set up what they need, once.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: demo test lint bench clean

demo: $(INSTALLED)
	mkdir -p build/demo
	$(BIN)/lvspec demo clip --seed 7 -o build/demo/clip.mp4
	$(BIN)/lvspec caption build/demo/clip.mp4 --preset demo

test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(INSTALLED)
	$(BIN)/python -m lvspec_cli.bench

clean:
	rm -rf .venv build dist *.egg-info

# torch and torchvision are resolved together with the rest, so that their versions fit each other.
$(INSTALLED): pyproject.toml setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,decord,quantization,scenes]'
	touch $@
