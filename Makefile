# Every command sets up what it needs. All you need is Python 3.10+ and make.
#   make run                          forecast from the newest hour (or ORIGIN=2023-03-10-21:00)
#   make test                         format, lint, imports, types and all tests
#   make docs                         build the documentation site into site/
#   make docs-serve                   show it at http://localhost:8000, and follow changes
#   make image                        the container image of deploy/Dockerfile (IMAGE=)
#   make push-image                   build it, and push it to its registry (IMAGE=)
#   make services                     install what some tests start, on Debian or Ubuntu
#   make dev                          Dagster UI with schedules and sensors running
#   make serve                        HTTP API and page over the published forecasts
#   make status                       how things stand, on one screen
#   make tune                         search for the best configuration (ORIGIN= TRIALS= SECONDS=)
#   make backfill START=... END=...   replay a range of hours as if they were live
#   make check-settings               check that each backend can be reached; shows no secrets
#   make bench DATA=...               benchmarks; DATA is a folder with real data
#   make build                        a wheel and an sdist of this commit, in dist/
#   make index                        a private package index on this machine (INDEX_PORT=)
#   make publish                      build, and upload to that index (or INDEX_URL=)
#   make lock                         update the lock files

PYTHON ?= python3
BIN := .venv/bin
export DAGSTER_HOME := $(CURDIR)/dagster_home
INDEX_FOLDER ?= index
INDEX_PORT ?= 8085
INDEX_URL ?= http://127.0.0.1:$(INDEX_PORT)/

.PHONY: run serve status tune test dev backfill check-settings bench build index publish lock

run: .venv/run
	@$(BIN)/python -m energy_assets run $(if $(ORIGIN),--origin $(ORIGIN))

serve: .venv/run
	@$(BIN)/python -m energy_assets serve

status: .venv/run
	@$(BIN)/python -m energy_assets status

tune: .venv/run
	@$(BIN)/python -m energy_assets tune $(if $(ORIGIN),--hour $(ORIGIN)) \
		$(if $(TRIALS),--trials $(TRIALS)) $(if $(SECONDS),--seconds $(SECONDS))

dev: .venv/run
	@$(BIN)/python -m energy_assets init
	$(BIN)/dagster dev -w workspace.yaml

backfill: .venv/run
	@$(BIN)/python -m energy_assets backfill --start "$(START)" --end "$(END)"

check-settings: .venv/run
	@$(BIN)/python -m energy_assets check-settings

test: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	PARTITIONS_START=2023-01-01-00:00 $(BIN)/python -m pytest

bench: .venv/dev .venv-peers/ready
	$(BIN)/python -m benchmarks $(if $(DATA),--data "$(DATA)") $(if $(MARKDOWN),--markdown "$(MARKDOWN)")

build: .venv/dev
	@$(BIN)/python -m scripts.build

index: .venv/dev
	@$(BIN)/python -m scripts.index --folder "$(INDEX_FOLDER)" --port "$(INDEX_PORT)" \
		$(if $(filter-out undefined,$(origin INDEX_FALLBACK)),--fallback "$(INDEX_FALLBACK)")

publish: .venv/dev
	@$(BIN)/python -m scripts.publish --url "$(INDEX_URL)" --netrc "$(INDEX_FOLDER)/netrc"

# One lock for a laptop, one for servers, and one for those who change the project. Each has what is in
# the one before, in the same versions.
LOCK = $(BIN)/uv pip compile -q --universal --python-version 3.10 --no-header --no-emit-index-url
SERVER_EXTRAS := --extra serve --extra postgres --extra celery --extra kubernetes --extra dask
lock: .venv/dev
	$(LOCK) setup.cfg --extra serve -o requirements.lock
	$(LOCK) setup.cfg $(SERVER_EXTRAS) -c requirements.lock -o requirements-server.lock
	$(LOCK) setup.cfg $(SERVER_EXTRAS) --extra dev --extra docs --extra release \
		-c requirements-server.lock -o requirements-dev.lock
	$(LOCK) benchmarks/peers.in -o benchmarks/peers.txt

.PHONY: docs docs-serve services image push-image

# Tests that need one of these are skipped without it, unless CI=true.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
services:
	$(SUDO) apt-get update -qq
	$(SUDO) apt-get install -qq --no-install-recommends postgresql redis-server \
		$(if $(shell command -v chromium),,chromium)

IMAGE ?= energy-assets
image:
	docker build --file deploy/Dockerfile --tag "$(IMAGE)" .

push-image: image
	docker push "$(IMAGE)"

docs: .venv/dev
	@$(BIN)/zensical build --clean --strict

docs-serve: .venv/dev
	@$(BIN)/zensical serve

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		(echo "This project needs Python 3.10 or newer. Use: make PYTHON=/path/to/python3.12 ..." && exit 1)
	$(PYTHON) -m venv .venv
	@touch $@

.venv/run: requirements.lock setup.cfg | .venv/python
	@echo "Setting up .venv from requirements.lock (once; takes a few minutes)"
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

.venv/dev: requirements-dev.lock .venv/run
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r requirements-dev.lock
	@touch $@

# The libraries that the benchmarks compare with go into a separate environment.
.venv-peers/ready: benchmarks/peers.txt | .venv/python
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install -q --disable-pip-version-check --no-deps -r benchmarks/peers.txt
	@touch $@
