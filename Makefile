# `make run` starts everything, `make test` tests everything. Nothing is needed before but Python 3.11+ and make.

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8700
# So many tests at a time, each with a server of its own; more than there are cores, as most of them wait.
TESTERS ?= 3
# The first of these that is new enough; `make run PYTHON=/path/to/python` chooses another.
PYTHONS := python3 python3.14 python3.13 python3.12 python3.11
PYTHON ?= $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# Installs exactly what we test with: make test LOCKED=1
CONSTRAINTS := $(if $(LOCKED),-c requirements-dev.lock)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help run setup test browser check bench screenshots messages lock clean

help:  ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup  ## Start a Redis, a worker with demo tasks and the dashboard (PORT, REDIS_URL, ARQBOARD_DATA)
	@$(BIN)/arqboard up --port $(PORT)

setup: $(VENV)/installed  ## Make .venv and install what `make run` needs

test: $(VENV)/installed-dev browser  ## Install what the tests need, and run all of them
	$(BIN)/pytest -n $(TESTERS) --dist worksteal

check: $(VENV)/installed-dev  ## Lint and check the types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright

bench: $(VENV)/installed-dev browser  ## Measure what docs/performance.md says
	$(BIN)/python bench/run_all.py

screenshots: $(VENV)/installed-dev browser  ## Take pictures of all pages, those of the README anew
	$(BIN)/python docs/screenshots.py

patterns: $(VENV)/installed-dev browser  ## Accept how components look now, as pictures in tests/browser/pictures
	ARQBOARD_ACCEPT_PICTURES=1 $(BIN)/pytest -q -n0 tests/browser/test_patterns.py -k accepted

messages: $(VENV)/installed-dev  ## Bring the catalogues in locale/ up to date with templates and pages
	$(BIN)/python tools/messages.py

lock: $(VENV)/installed-dev  ## Write down the versions in .venv as those we test with
	$(BIN)/python -m pip --disable-pip-version-check freeze --exclude-editable > requirements-dev.lock

clean:  ## Remove .venv and caches, keep the data in .arqboard
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis tests/artefacts
	find worker dashboard tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "arqboard needs Python 3.11 or newer, and none of these is: $(PYTHONS)." \
		"Install one, or name it: make run PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "The venv module of $(PYTHON) is missing." \
		"On Debian and Ubuntu, install it with: apt install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/python
	@echo "Installing arqboard (about a minute, this once)"
	@$(PIP) $(CONSTRAINTS) -e '.[demo]'
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(BIN)/python
	@echo "Installing arqboard and what its tests need"
	@$(PIP) $(CONSTRAINTS) -e '.[dev]'
	@touch $(VENV)/installed $@

# The tests drive a real Chromium: one on PATH, else Debian's where it may be installed, else Playwright's.
browser: $(VENV)/installed-dev
	@for name in chromium chromium-browser google-chrome; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && grep -qx ID=debian /etc/os-release 2>/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; \
	else \
		$(BIN)/playwright install chromium; \
	fi || { echo "There is no Chromium and none could be installed; the tests in tests/browser need one." >&2; \
		test "$$CI" != true; }
