# Every target but help and clean sets up first what it needs; PYTHON=... names the Python to do it with.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench env lock clean clean-cli venv

WORKSPACE = python="$$(sh tools/python.sh)" && "$$python" tools/workspace.py
# The virtual environment and the Pulumi CLI on PATH, for the rest of one recipe line.
ENTER = exports="$$($(WORKSPACE) env)" && eval "$$exports"

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1#/p' Makefile | while IFS='#' read -r name text; do printf '%-18s%s\n' "$$name" "$$text"; done

setup: ## create .venv, install the locked dependencies, get the Pulumi CLI
	@$(WORKSPACE) setup

demo: ## watch the real Pulumi engine manage vaults and mirrors in an emulated service
	@$(ENTER) && exec python tools/demo.py $(ARGS)

test: ## run all tests, on the real engine too, in 2 processes; ARGS="-k mirror" is passed to pytest
	@$(ENTER) && exec python -m pytest -n 2 $(ARGS)

check: venv ## formatting, lint, types, import contracts; shows every failure
	@PATH="$$PWD/.venv/bin:$$PATH"; failed=; \
	run() { echo "== $$*"; "$$@" || failed="$$failed, $$*"; }; \
	run ruff format --check .; \
	run ruff check .; \
	run mypy; \
	run lint-imports; \
	if [ -n "$$failed" ]; then echo "check: failed: $${failed#, }" >&2; exit 1; fi; echo "check: all passed"

bench: ## run the benchmarks; ARGS is passed to them
	@$(ENTER) && exec python tests/benchmarks/run.py $(ARGS)

env: ## print shell exports for the environment: eval "$(make -s env)"
	@$(WORKSPACE) env

lock: ## compile requirements.txt from pyproject.toml; ARGS=--upgrade for newer versions
	@$(WORKSPACE) lock $(ARGS)

clean: ## remove .venv and caches; the Pulumi CLI stays
	rm -rf .venv .make .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name .git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

clean-cli: ## remove the Pulumi CLI that this repository installed, for all clones
	@python="$$(sh tools/python.sh)" && "$$python" tools/pulumi_cli.py --remove

venv:
	@$(WORKSPACE) venv
