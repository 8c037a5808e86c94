# `make retrain` and `make test` are all a newcomer needs; both set up .venv first.
PYTHON ?= python3
PRESET ?= heimdall_nano
# llama.cpp without its command-line tools, server and vision parts: half the build time, same library.
export CMAKE_ARGS ?= -DLLAVA_BUILD=OFF -DLLAMA_BUILD_TOOLS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TESTS=OFF
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell $(PYTHON) -c 'import os; print(os.cpu_count())')

.PHONY: setup retrain test lint clean

setup: .venv/.ok

.venv/.ok: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "Heimdall needs Python 3.11 to 3.13; '$(PYTHON)' is another. Run: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@echo "Setting up .venv: about 2 GB of packages, and llama.cpp is compiled once (3 to 6 minutes on two cores)."
	$(PYTHON) -m venv .venv
	@echo "1/2  building llama.cpp (its log is silent until it is done) ..."
	.venv/bin/python -m pip install --quiet -c constraints.txt llama-cpp-python
	@echo "2/2  installing Heimdall and its other packages ..."
	.venv/bin/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

retrain: setup
	.venv/bin/heimdall retrain --preset $(PRESET)

# Two at a time, whatever the number of cores: some tests run the whole pipeline, in two threads and with 2 GB each.
test: setup
	.venv/bin/python -m pytest --numprocesses 2 --dist loadfile

lint: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

clean:
	rm -rf .venv build *.egg-info
