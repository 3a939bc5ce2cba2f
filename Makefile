# Two commands matter: `make demo` shows the product, `make test` proves it.

# Asked for outside this folder, so that a version manager reading .python-version (the host's version) does not
# refuse a newer or older Python that does just as well. Another one: make install PYTHON=/path/to/python3.12
PYTHON ?= $(shell cd / && python3 -c 'import sys; print(sys.executable)' 2>/dev/null || echo python3)
BIN := .venv/bin
INSTALLED := .venv/installed
NEEDS := Python 3.11 or newer with venv is needed; on Debian and Ubuntu: apt install python3 python3-venv
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadscope

.PHONY: install demo test lint bench nightly coverage mutants

install: $(INSTALLED)

$(INSTALLED): requirements.txt requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "$(NEEDS)" >&2; exit 2; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing into .venv, about a minute the first time ..."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --requirement requirements-dev.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# ONCE=1 ends by itself after the story, with its figures in the last line.
demo: install
	@$(BIN)/connector demo $(if $(filter-out 0,$(ONCE)),--once)

# ARGS goes to pytest: make test ARGS="tests/domain -k money"
test: lint
	$(PYTEST) --ignore=tests/bench --ignore=tests/nightly $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Every figure, and docs/bench.md, which nothing else writes. With ARGS only a part is measured, and printed:
# make bench ARGS="-k intake". BENCH_MINUTES=30 watches memory for as long, BENCH_REFERRALS=1000,1000000 stores as many.
bench: install
	$(BIN)/python -m pytest tests/bench -v -p no:cacheprovider $(or $(ARGS),--write docs/bench.md)

# The long runs of tests/nightly too, and many more examples for each property.
nightly: lint
	NODE_CHECKS=1 HYPOTHESIS_PROFILE=nightly $(PYTEST) --ignore=tests/bench $(ARGS)

# Every line and both ways at every branch of the rules; the tests of the rules alone must go through all of them.
coverage: install
	$(BIN)/coverage run --branch --source=connector.domain -m pytest tests/domain -q $(ARGS)
	$(BIN)/coverage report --show-missing --skip-covered --fail-under=100

# Small mistakes made on purpose, and how many of them the tests notice; see docs/mutants.md.
# WHAT names files: make mutants WHAT=connector/domain/money.py
mutants: install
	$(BIN)/python tests/mutants.py $(WHAT) $(ARGS)
