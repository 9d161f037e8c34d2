# make run     set up everything, then run the example programs
# make test    the same set-up, then the whole test suite on the real engine
# make cluster a master and two slaves on Docker hosts of their own, twelve programs at once (needs root)
# make check   format, lint, types, architecture
# make bench   measure against docker run, the bare host and others; writes docs/benchmarks.md (make bench ARGS=--quick)
# make soak    thousands of submissions, one in five hostile; the figures go into docs/security.md
# Every target can be repeated; what is done already takes no time.
MAKEFLAGS += --no-print-directory
SHELL_SCRIPTS = scripts/*.sh images/rootfs/*.sh images/java/build.sh .ci/run
BIN = .venv/bin

.PHONY: run test bench soak check cluster format python engine images clean

run: images
	@scripts/run-examples.sh

test: images
	@scripts/setup-tests.sh
	$(BIN)/pytest

bench: images
	@scripts/setup-bench.sh
	$(BIN)/python -m bench.run $(ARGS)

soak: images
	PYTHONPATH=. $(BIN)/python bench/soak.py --write

check: python
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck $(SHELL_SCRIPTS)
	$(BIN)/hadolint images/*/Dockerfile orchestrator/Dockerfile deploy/*/Dockerfile

cluster: images
	@$(BIN)/python -m tests.cluster.show

format: python
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

python:
	@scripts/setup-python.sh

engine: python
	@scripts/setup-engine.sh

images: engine
	@$(BIN)/ccx images build

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
