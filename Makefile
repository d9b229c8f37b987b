# Everything from a fresh checkout. `make demo` and `make test` set up .venv themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
PLUGINS := $(wildcard plugins/*)
TORCH := torch==2.13.0

.PHONY: demo test check bench picture clean format

$(STAMP): pyproject.toml hatch_build.py tracksmith/tracks/onepass.c constraints.txt $(wildcard plugins/*/pyproject.toml)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
		-e '.[dev]' $(addprefix -e ./,$(PLUGINS))
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/tracksmith demo -o demo-out

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --maxprocesses 4

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tracksmith
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m tests.benchmarks

# Needs Chromium and its driver; the picture in README.md.
picture: $(STAMP)
	$(BIN)/python -m tests.picture

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
