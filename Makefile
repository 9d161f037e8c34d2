# `make` or `make help` lists the targets. Every target can be repeated; what is done already takes no time.
MAKEFLAGS += --no-print-directory
SHELL_SCRIPTS = scripts/*.sh images/rootfs/*.sh images/java/build.sh .ci/run
BIN = .venv/bin
WORKERS = 3 # tests that wait run side by side; 0: one after the other
# Where it is set, each node that starts compiles ccx anew: 0.3 s of its 1.4 s.
unexport PYTHONDONTWRITEBYTECODE


help: ## list these targets
	@echo 'make run sets everything up on Debian or Ubuntu as root, or wherever a Docker engine answers. All targets:'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1#\2/p' Makefile | awk -F'#' '{printf "%-12s %s\n", $$1, $$2}'

.PHONY: help test-engines test-vm test-fast run test bench soak soak-cluster check cluster format python engine images page gui gui-deps screenshots wheel docs man clean

run: images ## set up everything, then run the example programs
	@scripts/run-examples.sh

test: images gui-deps ## the same set-up, then the whole test suite on the real engine (ARGS='-k memory' for a part)
	@scripts/setup-tests.sh
	$(BIN)/pytest -n $(WORKERS) --max-worker-restart=0 $(ARGS)

test-engines: images gui-deps ## the same programs on Docker engines of other releases, each with its runtimes (needs root)
	@scripts/setup-tests.sh
	@scripts/setup-engines.sh
	$(BIN)/pytest -m engines tests/engines $(ARGS)

test-vm: images gui-deps ## a part of them on an emulated Debian 13: control groups of version 2, AppArmor (needs root)
	@scripts/setup-tests.sh
	@scripts/setup-vm.sh
	$(BIN)/pytest -m vm tests/engines/test_emulated.py $(ARGS)

test-fast: python gui-deps ## the tests that need no Docker engine, about a minute
	$(BIN)/pytest -n $(WORKERS) --max-worker-restart=0 tests/unit $(ARGS)

bench: images ## measure against docker run, the bare host and others; writes docs/benchmarks.md (ARGS=--quick)
	@scripts/setup-bench.sh
	$(BIN)/python -m bench.run $(ARGS)

soak: images ## thousands of submissions, one in five hostile; the figures go into docs/security.md
	PYTHONPATH=. $(BIN)/python bench/soak.py --write

soak-cluster: images ## the same for hours over a master, its database and two slaves, with faults (needs root)
	@scripts/setup-tests.sh
	PYTHONPATH=. $(BIN)/python bench/cluster_soak.py --write $(ARGS)

check: python page gui-deps ## format, lint, types, architecture, the OpenAPI document
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/unit/test_openapi.py
	$(BIN)/shellcheck $(SHELL_SCRIPTS)
	$(BIN)/hadolint images/*/Dockerfile orchestrator/Dockerfile deploy/*/Dockerfile

cluster: images ## a master and two slaves on Docker hosts of their own, twelve programs at once (needs root)
	@$(BIN)/python -m tests.cluster.show

format: python ## let the formatter have its way
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

python:
	@scripts/setup-python.sh

engine: python
	@scripts/setup-engine.sh

images: engine page
	@$(BIN)/ccx images build

page: python ## build the page that a node shows at its address
	@scripts/build-page.sh

gui: images gui-deps ## open the window
	@$(BIN)/ccx gui

gui-deps: python
	@scripts/setup-gui.sh

screenshots: images gui-deps ## make the pictures of the page and the window in docs/img
	@scripts/setup-tests.sh
	PYTHONPATH=. $(BIN)/python scripts/screenshots.py
	PYTHONPATH=. $(BIN)/python scripts/window-screenshots.py

wheel: python page ## dist/ccx-….whl, for pip or pipx on other machines
	@rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .

docs: python ## build the documents as a site: build/docs, which needs no internet
	@$(BIN)/python scripts/docs_source.py
	@NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict --quiet
	@echo "ccx: open build/docs/index.html, or with its search: python3 -m http.server --bind 127.0.0.1 --directory build/docs"

man: python ## build/ccx.1, the manual page
	@mkdir -p build
	$(BIN)/python scripts/man-page.py > build/ccx.1

clean: ## remove what make made: images, containers, the virtual environment, builds, caches
	@scripts/clean.sh
