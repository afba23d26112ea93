# Every target makes what it needs: `make demo` and `make test` each work alone on a fresh checkout.
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
export OMP_NUM_THREADS ?= $(shell nproc 2>/dev/null || echo 2)

# What keeps torch, oneDNN, MKL, FAISS, OpenBLAS and numpy from vector units newer than SSE4: any x86-64 CPU may stand for an old one.
OLDER_CPU := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE FAISS_SIMD_LEVEL=NONE \
	FAISS_OPT_LEVEL=generic OPENBLAS_CORETYPE=Nehalem NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX512_ICL AVX512_SPR"

.DEFAULT_GOAL := help
.PHONY: help demo test test-older-cpu test-lowest test-slow test-browser mutations screenshots install fmt lint lint-js type check bench docs docs-check site wheel wheel-smoke shipped clean

help:  ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

demo: $(VENV)/.core  ## a made-up corpus, a trained encoder, an index, queries and figures
	$(BIN)/umurl-search demo
	@echo
	@echo "(first: . $(BIN)/activate)"

test: $(VENV)/.dev  ## the tests but those that take long or a browser
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow and not browser"

test-older-cpu: $(VENV)/.dev  ## the same without AVX: what rests on the kernels of one CPU fails
	$(OLDER_CPU) OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not slow and not browser"

test-lowest: $(LOWEST)/.done  ## the same with the lowest versions that pyproject.toml allows, in an environment of its own
	OMP_NUM_THREADS=1 $(LOWEST)/bin/python -m pytest -q -n 2 --dist worksteal -W ignore::DeprecationWarning -m "not slow and not browser"

test-slow: $(VENV)/.dev  ## the tests of kills, faults, trainings and whole documents
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist worksteal -m "slow and not browser"

test-browser: $(VENV)/.dev  ## the page in a real browser: needs chromium (apt-get install chromium)
	@command -v chromium >/dev/null || { echo "chromium is missing: apt-get install chromium"; exit 1; }
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m browser

mutations: $(VENV)/.dev  ## whether the tests notice one-line mutations of the code
	$(BIN)/python tests/mutations.py

screenshots: $(VENV)/.dev  ## the page's pictures in docs/, made anew
	UMURL_SCREENSHOTS=docs/screenshots $(BIN)/python -m pytest -q tests/browser/test_screenshots.py

install: $(VENV)/.core  ## the environment in .venv, to use the tool

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[cpu]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e '.[cpu,dev]'
	@touch $@ $(VENV)/.core

$(LOWEST)/.done: pyproject.toml
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(LOWEST) $(LOWEST)/bin/uv pip install --quiet --resolution lowest-direct -e '.[cpu,dev]'
	@touch $@

fmt: $(VENV)/.dev  ## rewrite the code in the house's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: $(VENV)/.dev  ## style, format, and which package may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

# Said before any of them is called.
HAS_NODE = @command -v node >/dev/null && command -v npm >/dev/null || { echo "node or npm is missing, which lint-js needs: apt-get install nodejs npm"; exit 1; }

node_modules/.installed: package.json package-lock.json
	$(HAS_NODE)
	npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

lint-js: node_modules/.installed  ## the page's JavaScript: types and style (needs node and npm)
	$(HAS_NODE)
	node_modules/.bin/tsc
	node_modules/.bin/biome lint --error-on-warnings

type: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

docs: $(VENV)/.dev  ## regenerate the command reference
	$(BIN)/python docs/make_commands.py

site: $(VENV)/.dev  ## the pages and the API reference as a site, in site/; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir site

docs-check: $(VENV)/.dev  ## the command reference is fresh
	$(BIN)/python docs/make_commands.py --check

wheel: $(VENV)/.dev  ## build the wheel into dist/
	rm -rf dist
	$(BIN)/python -m hatchling build -t wheel

wheel-smoke: wheel  ## the wheel, alone, has all that it needs
	rm -rf build/wheel && mkdir -p build/wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/wheel dist/*.whl
	cd build && PYTHONPATH=wheel ../$(BIN)/python -c "import umurl_search; assert 'build/wheel' in umurl_search.__file__, umurl_search.__file__; from pathlib import Path; assert (Path(umurl_search.__file__).parent / 'serve/static/index.html').is_file(); from umurl_search.library.encoder_registry import open_shipped; open_shipped().load(); from umurl_search.datasets.protocols import action_names; assert len(action_names('ntu120')) == 120; from cli.main import run; assert run(['datasets']) == 0"

check: lint lint-js type docs-check site wheel-smoke test test-slow  ## all of the above: what must hold before a change lands

bench: $(VENV)/.dev  ## measurements, as ratios in one run
	$(BIN)/python benchmarks/bench_read.py
	$(BIN)/python benchmarks/bench_ingest.py
	$(BIN)/python benchmarks/bench_embed.py --clips 64
	$(BIN)/python benchmarks/bench_train.py

shipped: $(VENV)/.dev  ## train the encoder that ships with the package again
	$(BIN)/python benchmarks/make_shipped.py

clean:  ## everything that make made
	rm -rf $(VENV) $(LOWEST) dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis node_modules
