# Two commands to begin with: `make run` and `make test`. See README.md.
PORT ?= 5000
PYTHON ?= python3
BIN = .venv/bin
# The tests wait for half their time, so on two cores three of pytest's workers are a fifth faster than two.
WORKERS = $(shell n=$$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2); [ $$n -gt 2 ] && echo auto || echo 3)
export PORT

.PHONY: run test demo check bench chaos lock messages install
.DEFAULT_GOAL := run

run: .venv/.installed
	@exec $(BIN)/campaign run

test: .venv/.installed
	@exec $(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

demo: .venv/.installed
	@exec $(BIN)/campaign demo

check: .venv/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint templates --lint --quiet
	$(BIN)/python -m campaign.cli.translations check

bench: .venv/.installed
	@set -e; for script in bench/[!_]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

chaos: .venv/.installed
	@exec $(BIN)/python -m bench.chaos.run $(ARGS)

messages: .venv/.installed
	$(BIN)/python -m campaign.cli.translations update

lock: .venv/.installed
	$(BIN)/python launcher/lock.py

install: .venv/.installed

.venv/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or later is needed: install it, or name it like make PYTHON=python3.12." >&2; exit 1; }
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv || \
	  { echo "Python's venv module is missing: install it (on Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "Installing the libraries into .venv (once; about a minute) …"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r requirements.txt
	@touch $@
