# finfleet. `make help` lists the targets. Needs Python 3.11+, make and a compiler; no root, no running server.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# A machine may carry pip settings and constraints of its own: the locks say all that there is to say.
PIP    := $(BIN)/python -m pip --disable-pip-version-check
TESTS  ?= tests
# More than there are processors: a test of processes waits for much of its time.
JOBS   ?= 4

.DEFAULT_GOAL := help
.PHONY: help setup demo screens up test coverage lint bench fuzz lock clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | awk -F '\t' '{printf "  make %-8s %s\n", $$1, $$2}'

# One environment per lock file, made again when the lock changes.
define install
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'finfleet needs Python 3.11 or newer: make PYTHON=python3.11 $@' >&2; exit 1; }
	@echo 'installing $(1) into $(VENV)'
	@# The pip that a Python brings may be too old to read extras in a lock with hashes.
	@$(PIP) install --quiet --require-hashes --requirement requirements/bootstrap.txt
	@# pip compiles one module after the other: here all processors do. Templates among the modules are no Python.
	@$(PIP) install --quiet --no-compile --require-hashes --requirement $(1)
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -qq -j 0 $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') || true
	@touch $@
endef

$(VENV)/.demo: requirements/demo.txt pyproject.toml
	$(call install,requirements/demo.txt)

$(VENV)/.dev: requirements/dev.txt pyproject.toml
	$(call install,requirements/dev.txt)

# OpenFinOps's own server, in an environment of its own.
.venv-openfinops/.built: requirements/openfinops.txt | $(VENV)/.demo
	@echo 'installing $< into .venv-openfinops'
	@$(BIN)/python -m emulators.openfinops --build-only >/dev/null
	@touch $@

# The official validator of FOCUS, in an environment of its own, where there is the Python that it needs.
.venv-focus-validator/.built: requirements/focus-validator.txt | $(VENV)/.dev
	@for python in python3.12 "$$(pyenv root 2>/dev/null)"/versions/3.12.*/bin/python; do \
	  $$python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null && break; python=; \
	done; \
	if [ -z "$$python" ]; then echo 'no Python 3.12 here: FOCUS is not checked by focus-validator' >&2; exit 0; fi; \
	echo 'installing $< into .venv-focus-validator' && \
	$$python -m venv --clear .venv-focus-validator && \
	.venv-focus-validator/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $< && \
	touch $@ || echo 'it cannot be installed: FOCUS is not checked by focus-validator' >&2

setup: $(VENV)/.dev .venv-openfinops/.built .venv-focus-validator/.built  ## Install everything for development into .venv

demo: $(VENV)/.demo .venv-openfinops/.built  ## Run the whole pipeline on local clouds and print what came out; KEEP=1 leaves it running
	@exec $(BIN)/python -m emulators.demo --parent $$PPID $(if $(KEEP),--keep)

screens: $(VENV)/.demo .venv-openfinops/.built  ## Make docs/screens.md from a run of the demo
	@$(BIN)/python -m emulators.demo.screens

up: $(VENV)/.demo  ## Start finfleet with servers of its own, on config/telemetry.yaml
	@exec $(BIN)/finfleet up --parent $$PPID

test: $(VENV)/.dev .venv-openfinops/.built .venv-focus-validator/.built  ## Run all tests; TESTS=tests/unit runs some
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(if $(CI),--durations=20) $(TESTS)

coverage: $(VENV)/.dev .venv-openfinops/.built .venv-focus-validator/.built  ## Run all tests, and report what they execute, child processes too; below 95 % is a fault
	@rm -f .coverage .coverage.*
	@# One test has a limit of a second, which tracing takes.
	@COVERAGE_FILE=$(CURDIR)/.coverage $(BIN)/coverage run -m pytest -n $(JOBS) --dist loadgroup $(TESTS) --deselect tests/unit/test_codec_hostile.py::test_no_bomb_takes_a_second_or_a_hundred_megabytes
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: $(VENV)/.dev  ## Check format, rules, types, layers and dependencies
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

fuzz: $(VENV)/.dev  ## Harm 20,000 answers of the clouds, and send a million hostile messages; EXAMPLES=..., MESSAGES=... for others
	@HOSTILE_ANSWERS=$(or $(EXAMPLES),20000) $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup tests/faults/test_answers_fuzz.py
	@HOSTILE_MESSAGES=$(or $(MESSAGES),1000000) $(BIN)/python -m pytest -n $(JOBS) tests/faults/test_hostile.py

bench: $(VENV)/.dev  ## Measure, and print tables; NAME=queries runs one, RECORD=1 keeps the figures, ARGS='--scale 0.1'
	@$(BIN)/python -m benchmarks $(NAME) $(if $(RECORD),--record) $(ARGS)

# --universal: one lock for every platform and Python. No index line: where packages come from is the installer's business.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
lock: $(VENV)/.dev  ## Renew the lock files
	$(COMPILE) pyproject.toml --all-extras requirements/build.in --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --extra fleet --extra aws --extra azure --extra gcp --extra otlp --extra bills --extra demo requirements/build.in --constraint requirements/dev.txt --output-file requirements/demo.txt
	$(COMPILE) pyproject.toml --extra fleet --extra aws --extra azure --extra gcp --extra otlp --extra bills --constraint requirements/dev.txt --output-file requirements/fleet.txt
	$(COMPILE) requirements/bootstrap.in --output-file requirements/bootstrap.txt
	$(COMPILE) requirements/openfinops.in --output-file requirements/openfinops.txt
	$(subst 3.11,3.12,$(COMPILE)) requirements/focus-validator.in --output-file requirements/focus-validator.txt

clean:  ## Remove environments, state and caches
	rm -rf $(VENV) .venv-* .finfleet build dist .mypy_cache .ruff_cache .pytest_cache .coverage .coverage.* .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
