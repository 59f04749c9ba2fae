SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.PHONY: help env demo test test-full test-fast format translations clean

help: ## What can be asked for
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

env: ## Make .venv with everything needed to work on the code
	@bash scripts/environment.sh dev

demo: ## Serve a rehearsed trial at 127.0.0.1:8000 (another port: make demo PORT=8080)
	@bash scripts/environment.sh base
	@exec bash scripts/demo.sh

test: ## Every check and every test, on SQLite and PostgreSQL, with the browser
	@exec bash scripts/test.sh

test-full: ## The same with every large test at full size, and the planted faults
	@exec bash scripts/test.sh full

test-fast: env ## The tests on SQLite alone; needs neither Chromium nor PostgreSQL
	@exec $(PYTHON) scripts/checks.py fast

format: env ## Put the code in the house's format
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

translations: env ## Bring the Dutch catalogue up to date with the texts in the code
	@$(PYTHON) scripts/translations.py update

clean: ## Remove what the checks leave behind (keeps .venv and the demo's data)
	@rm -rf var/checks .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
