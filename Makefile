# 银龄 Yinling. Two commands matter: `make demo` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3.11
SCALE ?= S
MINUTES ?= 10
VENV := .venv
SUPERSET_VENV := .venv-superset
BIN := $(VENV)/bin
UV := $(BIN)/uv
# Compiled once here, or else every process of every task compiles its libraries again.
UV_INSTALL := $(UV) pip install --quiet --compile-bytecode --no-deps --require-hashes
export PYTHONUTF8 := 1
export UV_HTTP_TIMEOUT ?= 180
# A bureau's own package mirror is set once, for pip; uv reads the same address.
export UV_DEFAULT_INDEX ?= $(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null)
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif

.PHONY: help demo stop clean logins test lint fmt unit integration docs lock bench fuzz packages

help:  ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

# --- environments -------------------------------------------------------------------------------

$(UV): requirements/uv.txt
	@requirements/venv.sh $(PYTHON) $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements/uv.txt
	@touch $@

$(VENV)/.pipeline: requirements/pipeline.txt pyproject.toml | $(UV)
	@echo "Installing the pipeline's environment ($(VENV))"
	@$(UV_INSTALL) --python $(BIN)/python -r requirements/pipeline.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.pipeline
	@echo "Installing the test tools ($(VENV))"
	@$(UV_INSTALL) --python $(BIN)/python -r requirements/dev.txt
	@touch $@

$(SUPERSET_VENV)/.superset: requirements/superset.txt | $(UV)
	@echo "Installing Superset's environment ($(SUPERSET_VENV))"
	@test -x $(SUPERSET_VENV)/bin/python || $(UV) venv --quiet --python $(BIN)/python $(SUPERSET_VENV)
	@$(UV_INSTALL) --python $(SUPERSET_VENV)/bin/python -r requirements/superset.txt
	@touch $@

packages: # Debian packages that only the tests need
	@requirements/packages.sh chromium fonts-noto-cjk openssh-server \
		mariadb-server-core mariadb-client-core

# --- demo ---------------------------------------------------------------------------------------

demo: $(VENV)/.pipeline $(SUPERSET_VENV)/.superset  ## Synthetic province, Airflow, Superset: everything, on this machine
	@$(BIN)/yinling demo up --scale $(SCALE)

logins: $(VENV)/.pipeline  ## Addresses and logins of the running demo
	@$(BIN)/yinling demo logins

stop: $(VENV)/.pipeline  ## Stop the demo's servers; its data stays
	@$(BIN)/yinling demo stop

clean: $(VENV)/.pipeline  ## Stop the demo and delete its data; the environments stay
	@$(BIN)/yinling demo clean --yes

# --- checks -------------------------------------------------------------------------------------

test: $(VENV)/.dev $(SUPERSET_VENV)/.superset packages  ## Lint, unit tests, then integration and end-to-end tests
	@$(BIN)/python -m tests.stages

lint: $(VENV)/.dev  ## Style, types, SQL
	@$(BIN)/python -m tests.stages lint

fmt: $(VENV)/.dev  ## Put the code into the house style
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

unit: $(VENV)/.dev  ## Unit and property tests only
	@$(BIN)/python -m tests.stages unit

# --- documents, locks, measurements ---------------------------------------------------------------

docs: $(VENV)/.pipeline  ## Data dictionary and lineage (dbt docs) of the built warehouse
	@$(BIN)/yinling docs

lock: $(UV)  ## Renew the hash-locked lists
	@requirements/lock.sh $(UV)

fuzz: $(VENV)/.dev  ## Every property test for so long: make fuzz MINUTES=10
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES)

bench: $(VENV)/.dev  ## Time and memory of every room: make bench SCALE=S|M
	@$(BIN)/python -m benchmarks --scale $(SCALE)

bench-channels: $(VENV)/.dev packages  ## Landing by every channel against its limit: make bench-channels SCALE=S|M
	@$(BIN)/python -m benchmarks.channels --scale $(SCALE)
