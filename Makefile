# What can be done here. Each target makes its own virtual environment where there is none.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= trivet-out
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# Builds of PyTorch without CUDA, smaller by gigabytes; where they are out of reach, the usual one is taken.
TORCH ?= https://download.pytorch.org/whl/cpu
# Tests of what networks compute, whose numbers depend on the processor; the others read files and outputs.
COMPUTED := $(foreach part, activations adapter attack contract detection evaluation footprint frozen inversion \
	kinds outputs refine repair* scanning search* sequential* stamping training trigger zoo, \
	$(wildcard tests/security/test_security_$(part).py)) $(wildcard tests/reproduction/test_security_*.py)

# Hundreds of processes start in the tests; each would compile every module again where none may be kept.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test test-isa lint bench docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## run the built-in study and write its report
	$(BIN)/trivet run --out $(OUT)

test: $(READY) ## run the tests
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

test-isa: $(READY) ## run what depends on the processor with older instructions, and the published study
	OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=AVX2 \
		$(BIN)/pytest --numprocesses auto --dist loadfile -m "published or not slow" $(COMPUTED)

test-extras: $(READY) ## run the tests that need Spark, ONNX, timm, trackers or LaTeX, where these are (gigabytes)
	$(BIN)/python tools/test_extras.py

lint: $(READY) ## check style, words, types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python tools/check_words.py
	$(BIN)/basedpyright
	$(BIN)/lint-imports

bench: $(READY) ## run the benchmarks, the slow tests and more examples of each property (long)
	$(BIN)/pytest -m "slow or hypothesis" --hypothesis-profile=thorough
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

docs: $(READY) ## build the documentation
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean: ## remove the environment and everything that was built
	rm -rf $(VENV) $(OUT) build dist site .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	-$(INSTALL) --no-deps --retries 0 --extra-index-url $(TORCH) torch
	$(INSTALL) --editable '.[dev]'
	@touch $@
