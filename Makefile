# Commonwatt's commands. Each does its own set-up in this folder: no root, no system service, no Docker.
# `make demo ARGS=--json` and `make test ARGS="-k receipt"` hand their ARGS on.

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-deep check audit planted mutants format bench lock clean

BIN   := .venv/bin
# Ours first: .venv carries its own Node when the machine has none, and node_modules the pinned Foundry.
TOOLS := PATH="$(CURDIR)/.venv/bin:$(CURDIR)/contracts/node_modules/.bin:$$PATH"

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: .venv/.ready contracts/node_modules/.ready ## install everything into .venv and contracts/node_modules (again only when a pin changed)

.venv/.ready: pyproject.toml .ci/constraints.txt .ci/venv $(wildcard worker/engine/exact/native/* worker/engine/exact/device/*.cu)
	@echo "installing the pinned Python packages (PyTorch among them: the first time takes minutes)"
	@.ci/venv
	@touch $@

contracts/node_modules/.ready: contracts/package.json contracts/package-lock.json contracts/.npmrc .ci/npm .ci/node | .venv/.ready
	@echo "installing the pinned contract tools (anvil, forge, cast, solc, OpenZeppelin)"
	@.ci/npm
	@touch $@

demo: setup ## buy, do, check, punish and pay for real training on a local chain
	@$(TOOLS) $(BIN)/commonwatt demo $(ARGS)

test: setup ## run every test that needs no accelerator: forge, then pytest
	cd contracts && $(TOOLS) FORGE_SNAPSHOT_CHECK=true tools/forge test
	$(TOOLS) $(BIN)/pytest -n 2 --dist loadfile $(ARGS)

test-deep: setup ## the same with many more examples and longer runs, for a schedule
	cd contracts && $(TOOLS) FOUNDRY_PROFILE=deep tools/forge test
	$(TOOLS) $(BIN)/pytest -n 2 --dist loadfile -m "not gpu" --hypothesis-profile deep $(ARGS)
	$(MAKE) --no-print-directory audit planted

check: setup ## everything a machine can judge without running the product
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd contracts && $(TOOLS) tools/forge fmt --check
	$(TOOLS) $(BIN)/python contracts/tools/build.py --check
	$(BIN)/python -m tests.vectors.make_typed --check
	$(BIN)/python -m tests.vectors.make_vouchers --check
	$(BIN)/python -m tests.vectors.make_lifecycle --check
	$(BIN)/python -m tests.vectors.make_float32 --check
	$(BIN)/python -m tests.vectors.make_judge --check
	$(BIN)/python -m tests.vectors.make_exits --check
	$(BIN)/python -m tests.vectors.make_threats --check

audit: setup .audit/.ready ## slither, coverage and symbolic proofs of the contracts: some minutes (make audit ONLY=slither runs one)
	@for tool in $(or $(ONLY),slither coverage halmos); do $(BIN)/python contracts/tools/audit.py $$tool || exit 1; done

planted: setup ## plant every known bug in the contracts and see each one caught: a quarter of an hour
	$(TOOLS) $(BIN)/python contracts/tools/plant.py --jobs 2 $(ARGS)

mutants: setup ## change the contracts of the money in hundreds of places: hours (make mutants ARGS="Bonds" takes one)
	$(TOOLS) $(BIN)/python contracts/tools/mutate.py --jobs 2 $(ARGS)

.audit/.ready: .ci/audit .ci/audit.txt | .venv/.ready
	@echo "installing slither and halmos into .audit"
	@.ci/audit
	@touch $@

format: setup ## lay out Python and Solidity
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	cd contracts && $(TOOLS) tools/forge fmt

bench: setup ## measure and merge into bench.json; make bench ONLY=loop runs one suite
	@$(TOOLS) $(BIN)/python -m tests.bench $(if $(ONLY),--only $(ONLY)) $(ARGS)

lock: setup ## write the versions of the working .venv to .ci/constraints.txt
	@.ci/lock

clean: ## remove what setup, checks and tests made; .commonwatt stays, for it may hold keys
	rm -rf .venv .audit .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.egg-info worker/engine/exact/_native.*
	rm -rf contracts/node_modules contracts/out contracts/cache contracts/broadcast
	find market worker migrations tests -type d -name __pycache__ -prune -exec rm -rf {} +
