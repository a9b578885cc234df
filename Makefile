# bookfigs: every target makes its own environment first, once.
# `make help` lists what there is.

PYTHON ?= python3
VENV   ?= .venv
RUN    := $(VENV)/bin/python -m
# Tests often wait for processes that they have started.
WORKERS := $(shell $(PYTHON) -c 'import os; print((3 * os.cpu_count() + 1) // 2)')
# Where the environment was made, and from what: if either changes, or its Python
# is gone, make it anew.
READY  := $(VENV)/ready
MADE   := $(CURDIR) $(shell cat pyproject.toml constraints.txt | cksum)

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help figures check test lint format render benchmarks clean FORCE

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

figures: $(READY) ## prove listings, measure what is stale here, make what is stale of the book
	$(RUN) bookfigs prove; proven=$$?; $(RUN) bookfigs figures && exit $$proven

check: $(READY) ## does all that is generated follow from the evidence? is the prose in order?
	$(RUN) bookfigs check --redraw
	$(RUN) bookfigs lint --execute

test: $(READY) ## run the tests, and test the book: figures, claims, listings, pages
	@$(RUN) compileall -q bookfigs tests # once, not in each of a thousand processes
	$(RUN) pytest --numprocesses $(WORKERS) --dist worksteal

lint: $(READY) ## style, types
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy

format: $(READY) ## put the code into form
	$(RUN) ruff check --fix
	$(RUN) ruff format

render: $(READY) ## check the book, then render it with quarto
	$(RUN) bookfigs render

benchmarks: $(READY) ## time every form of the recurrence beside its peers
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[benchmarks]'
	$(VENV)/bin/python benchmarks/recurrence.py

clean: ## remove the environment and what this machine measured
	rm -rf $(VENV) .bookfigs

OLD    := $(filter-out x$(MADE),x$(shell cat $(READY) 2>/dev/null))
GONE   := $(shell test -x $(VENV)/bin/python || echo gone)
$(READY): $(if $(OLD)$(GONE),FORCE)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "bookfigs needs Python 3.11 or later; run: make PYTHON=python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "Python lacks venv; run: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	PIP_CONSTRAINT=constraints.txt $(VENV)/bin/pip install --quiet \
	  --disable-pip-version-check --editable '.[dev]'
	@echo '$(MADE)' > $@

FORCE:
