# Needs Python 3.11 or newer, pip and make. `make PYTHON=python3.12 test` picks the interpreter of a new .venv.
PYTHON ?= python3
VENV   := .venv
OLDEST := .venv-oldest
BUILT  := .venv-dist
# -qq: errors are shown, progress and warnings are not
PIP_INSTALL := -m pip install -qq --disable-pip-version-check

.PHONY: help api-gaps applications demo export-table types test test-long test-processes fuzz fuzz-kernel fuzz-keras mutants lint format docs dist bench bench-works bench-peers bench-check bench-gpu bench-growth bench-scale bench-serve gpu-programs web test-oldest soak clean

help:
	@echo "make demo         install, then train on real handwritten digits"
	@echo "make test         install for development, then run the test suite"
	@echo "make test-long    more cases of what the suite has some of: random models, layers, scripts, large networks; minutes"
	@echo "make test-processes  train in several processes, end some of them, resume in others; some minutes"
	@echo "make fuzz         damage files byte by byte: each must be refused or read right; minutes"
	@echo "make fuzz-kernel  train random tiny models in both ways XLA can run them; 5 minutes"
	@echo "make fuzz-keras   train 1,000 random small models beside Keras, and compare; half an hour"
	@echo "make api-gaps     what of Keras' public names is not here: fails where that is not explained"
	@echo "make applications hold all 40 networks of keras.applications, and their files, against Keras; an hour"
	@echo "make export-table tries every layer in every format, and writes the table of docs/export.md; ten minutes"
	@echo "make mutants      change the code in 300 places, one at a time: do the tests notice? two hours"
	@echo "make lint         formatting, lint, types, and what editors see of the package"
	@echo "make types        how much of the package has known types; fails below 95 %"
	@echo "make format       rewrite the files as 'make lint' wants them"
	@echo "make docs         the documentation as a site, in build/site: every page, example and public name"
	@echo "make dist         build wheel and sdist into dist/, and train the demo from each as installed"
	@echo "make bench        measure against Keras, PyTorch, JAX, Flax: figures, picture and tables in docs/; an hour"
	@echo "make bench-works  the part of it that measures real networks and habits; twenty minutes"
	@echo "make bench-peers  install TensorFlow, PyTorch and Flax for it, each in its own environment"
	@echo "make bench-check  measure a few rows again and fail where Sequax fell behind docs/benchmarks.json"
	@echo "make bench-gpu    on a GPU: layers against the CPU, main rows, memory; without one, lowers all programs for CUDA"
	@echo "make bench-scale  rows per second of one device beside two that share each batch: four networks and a tiny one"
	@echo "make gpu-programs compiles the training loop for eight H100 without one: messages, memory, nothing by way of the host"
	@echo "make bench-growth time and memory against rows, batch, width, depth, epochs; memory over 500 calls"
	@echo "make bench-serve  sequax serve beside FastAPI and onnxruntime: requests a second, latencies; some minutes"
	@echo "make test-oldest  the test suite with the lowest dependency versions pyproject.toml allows"
	@echo "make soak         kill training runs 200 times at random moments, and resume them"
	@echo "make web          a page that reads drawn digits, in build/web: trained, exported, run by the browser; needs npm"
	@echo "make clean        remove environments and caches"

demo: $(VENV)/.installed
	$(VENV)/bin/sequax demo

# Shapes held against their annotations in each call take a tenth of the time: make test-long and GitHub's workflow do so.
test: $(VENV)/.installed-dev
	SEQUAX_TYPECHECK=0 $(VENV)/bin/python -m pytest -n 2 --dist worksteal -m "not long"

test-long: $(VENV)/.installed-dev
	$(VENV)/bin/python -m pytest -n 2 --dist worksteal -m long

api-gaps: $(VENV)/.installed-dev
	$(VENV)/bin/python -m tools.api_gaps

# Tests with several real processes; `make test` has the few of them that say most.
test-processes: $(VENV)/.installed-dev
	SEQUAX_TEST_PROCESSES=1 $(VENV)/bin/python -m pytest tests/test_together.py tests/test_launch.py

fuzz: $(VENV)/.installed-dev
	$(VENV)/bin/python -m tools.fuzz

fuzz-kernel: $(VENV)/.installed-dev
	$(VENV)/bin/python -m tools.fuzz_kernel

fuzz-keras: $(VENV)/.installed-dev
	$(VENV)/bin/python -m tools.fuzz_keras --count 1000 --jobs 2

applications: $(VENV)/.installed-dev
	$(VENV)/bin/python -m tools.applications

export-table: $(VENV)/.installed-dev
	$(VENV)/bin/python -m tools.export_table

mutants: $(VENV)/.installed-mutants
	$(VENV)/bin/python -m tools.mutants

lint: $(VENV)/.installed-dev
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/python -m pytest -q tests/test_typing.py

types: $(VENV)/.installed-dev
	$(VENV)/bin/python -m tools.types_known

format: $(VENV)/.installed-dev
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

# Not with --quiet: warnings that are not shown are not counted either, and would pass.
docs: $(VENV)/.installed-docs
	$(VENV)/bin/python -m tools.docs_pages build
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict -f build/mkdocs.yml
	@echo "build/site/index.html; with search: $(VENV)/bin/python -m http.server --directory build/site"

# The sdist is built from the checkout and the wheel from the sdist, so that neither can lack what the other has.
dist: $(VENV)/bin/pip
	rm -rf dist $(BUILT)
	$(VENV)/bin/python $(PIP_INSTALL) build
	$(VENV)/bin/python -m build --outdir dist .
	$(MAKE) $(BUILT)/bin/pip
	for file in dist/*.whl dist/*.tar.gz; do \
	    $(BUILT)/bin/python $(PIP_INSTALL) --force-reinstall --no-deps $$file && \
	    $(BUILT)/bin/python $(PIP_INSTALL) $$file && \
	    (cd dist && $(abspath $(BUILT))/bin/sequax demo --epochs 1) || exit 1; \
	done

bench: $(VENV)/.installed-dev
	$(VENV)/bin/python -m benchmarks --json docs/benchmarks.json --picture docs/benchmarks.png
	$(MAKE) bench-works

bench-works: $(VENV)/.installed-dev
	$(VENV)/bin/python -m benchmarks --works --json docs/works.json
	$(VENV)/bin/python -m benchmarks.page

bench-peers: .venv-tensorflow/.installed-peer .venv-torch/.installed-peer .venv-flax/.installed-peer

bench-check: $(VENV)/.installed-dev
	$(VENV)/bin/python -m benchmarks.check

bench-gpu: $(VENV)/.installed-dev
	$(VENV)/bin/python -m benchmarks.gpu

bench-scale: $(VENV)/.installed-dev
	$(VENV)/bin/python -m benchmarks.scale

gpu-programs: .venv-xla/.installed-peer
	.venv-xla/bin/python -m tools.gpu_programs

bench-growth: $(VENV)/.installed-dev
	$(VENV)/bin/python -m benchmarks.growth --picture docs/growth.png

bench-serve: $(VENV)/.installed-dev
	$(VENV)/bin/python -m benchmarks.serving

web: $(VENV)/.installed-dev
	npm install --no-audit --no-fund --silent --prefix examples/web
	$(VENV)/bin/python examples/web/make.py build/web

test-oldest: $(OLDEST)/.installed-dev
	$(OLDEST)/bin/python -m pytest -n 2 --dist worksteal

soak: $(VENV)/.installed-dev
	$(VENV)/bin/python tools/soak.py --kills 200

clean:
	rm -rf $(VENV) $(OLDEST) $(BUILT) build dist .venv-tensorflow .venv-torch .venv-flax .mypy_cache .pytest_cache .ruff_cache .hypothesis

# An installation is done when its stamp is newer than pyproject.toml; the package itself is installed editable, so
# a changed source file needs no new installation. pip is written last into a new environment: it tells a whole one.
.SECONDARY:
%/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit("Sequax needs Python 3.11 or newer, this is " + sys.version.split()[0] \
	    + "; say for example: make PYTHON=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Creating $* ..."
	@$(PYTHON) -m venv $*

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing Sequax into $(VENV) ..."
	@$(VENV)/bin/python $(PIP_INSTALL) -e '.[plot]'
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/pip
	@echo "Installing Sequax and its development tools into $(VENV) ..."
	@$(VENV)/bin/python $(PIP_INSTALL) -e '.[dev]'
	@touch $@

$(VENV)/.installed-mutants: $(VENV)/.installed-dev
	@$(VENV)/bin/python $(PIP_INSTALL) -e '.[dev,mutants]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	@$(VENV)/bin/python $(PIP_INSTALL) -e '.[docs,plot,sklearn,onnx,serve]'
	@touch $@

$(OLDEST)/.installed-dev: pyproject.toml tools/lowest.py | $(OLDEST)/bin/pip
	@echo "Installing the lowest allowed versions into $(OLDEST) ..."
	@$(OLDEST)/bin/python tools/lowest.py > $(OLDEST)/lowest.txt
	@cat $(OLDEST)/lowest.txt
	@$(OLDEST)/bin/python $(PIP_INSTALL) -c $(OLDEST)/lowest.txt -e '.[dev]'
	@touch $@

# The versions that the committed figures are of; what a measuring process imports besides is NumPy.
PEER_tensorflow := keras==3.15.1 tensorflow-cpu==2.21.0
PEER_torch := keras==3.15.1 torch==2.13.0
PEER_flax := flax==0.12.8 optax==0.2.8
PEER_xla := jax==0.10.2 jax-cuda12-pjrt==0.10.2 -e .

.venv-%/.installed-peer: | .venv-%/bin/pip
	@echo "Installing $(PEER_$*) ..."
	@.venv-$*/bin/python $(PIP_INSTALL) $(PEER_$*) numpy
	@touch $@
