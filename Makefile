# Needs nothing but python3 (3.11 or newer, with venv) and the package registry.
PYTHON ?= python3
VENV ?= .venv
BINARIES := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(BINARIES)
PIP := -m pip install --quiet --disable-pip-version-check

# More workers than the two cores of a small machine: some always wait for a process or for loopback.
PYTEST := -m pytest -n 4 --dist worksteal

.PHONY: demo test test-latest lint lock bench bench-peers format clean

demo: $(VENV)/.fresh-demo
	$(BIN)/crsync demo

test: $(VENV)/.test
	$(BIN)/python $(PYTEST)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The locked versions, the build backend among them; then the project itself, which fetches nothing more.
define install_locked
$(BIN)/python $(PIP) --require-hashes -r requirements/$(1).txt
$(BIN)/python $(PIP) --no-deps --no-build-isolation -e .
endef

.PHONY: $(VENV)/.fresh-demo
$(VENV)/.fresh-demo:
	$(PYTHON) -m venv --clear $(VENV)
	$(call install_locked,demo)

$(VENV)/.test: pyproject.toml requirements/test.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(call install_locked,test)
	touch $@

# The newest versions that pyproject.toml allows, in an environment of their own.
test-latest:
	$(PYTHON) -m venv --clear .venv-latest
	.venv-latest/$(BINARIES)/python $(PIP) -e ".[test]"
	.venv-latest/$(BINARIES)/python -m pip list
	.venv-latest/$(BINARIES)/python $(PYTEST)

# Takes the newest versions into requirements/, for every Python and system at once; with UPGRADE= only what is new in pyproject.toml.
UPGRADE ?= --upgrade
BUILD_REQUIRES := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")
LOCK := .venv-lock/$(BINARIES)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
	--generate-hashes --annotation-style line --no-emit-index-url --custom-compile-command "make lock" $(UPGRADE)
lock: .venv-lock/.installed
	$(PYTHON) -c '$(BUILD_REQUIRES)' | $(LOCK) pyproject.toml - --extra test -o requirements/test.txt
	$(PYTHON) -c '$(BUILD_REQUIRES)' | $(LOCK) pyproject.toml - --extra sandbox -c requirements/test.txt -o requirements/demo.txt

.venv-lock/.installed:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/$(BINARIES)/python $(PIP) uv
	touch $@

bench: $(VENV)/.test
	$(BIN)/python -m tests.benchmarks $(BENCH)

# Beside other tools, which get an environment of their own: their dependencies are none of ours.
bench-peers: $(VENV)/.test .venv-bench/.installed
	$(BIN)/python -m tests.benchmarks peers $(BENCH)

.venv-bench/.installed: pyproject.toml
	test -x .venv-bench/$(BINARIES)/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/$(BINARIES)/python $(PIP) -e ".[bench]"
	touch $@

clean:
	rm -rf $(VENV) .venv-latest .venv-lock .venv-bench build dist .mypy_cache .ruff_cache .pytest_cache crsync-demo
