# Everything one does with this tree. `make run` and `make test` install what they need first.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VEDETTE := target/release/vedette
PLUGINS := target/plugins

# Where the Rust at hand cannot compile plugins, set-up has made a compiler that can.
guest = $(shell [ ! -x target/guest-toolchain/rustc ] || echo VEDETTE_GUEST_RUSTC='$(CURDIR)/target/guest-toolchain/rustc')

.PHONY: help setup run build plugins demo test bench fmt lint arm64 docs licences clean

help: ## List the targets
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run: plugins ## Detect on this machine (root; a replay of a bundled attack elsewhere)
	@exec $(VEDETTE) run --plugins $(PLUGINS) $(ARGS)

build: setup ## Build the agent
	@[ -d target/release/deps ] || echo 'make: first build: five to ten minutes on two cores; later ones take seconds' >&2
	@cargo build --release --workspace

plugins: build ## Build the agent and all of plugins/ to components
	@$(guest) scripts/build-plugins plugins $(PLUGINS)

demo: plugins setup-test ## Perform a harmless reverse shell in a container; see it found, then killed
	@target/release/demo

test: plugins setup-test ## Test everything, against this machine's kernel where it can be sensed
	@$(guest) scripts/test

bench: plugins setup-test ## Measure: criterion benches, then the figures of docs/performance.md
	@cargo bench --workspace --benches --profile release
	@$(guest) scripts/build-plugins tests/guests target/guests
	@target/release/budgets

setup: ## Install what building needs
	@scripts/setup build

.PHONY: setup-test
setup-test:
	@scripts/setup test

fmt: ## Check the formatting
	@cargo fmt --all --check

lint: ## Check with clippy
	@cargo clippy --release --workspace --all-targets -- -D warnings

arm64: ## Check that the agent compiles for arm64 too
	@scripts/arm64

docs: ## Write anew what follows from contract and event catalogue, and build the API documentation
	@cargo run --release --quiet -p vedette-contract --example events-md > target/events.md && mv target/events.md docs/events.md
	@cargo run --release --quiet -p vedette-contract --example contract-md > target/contract.md && mv target/contract.md docs/contract.md
	@cargo run --release --quiet -p vedette-contract --example sdk-views
	@RUSTDOCFLAGS='-D warnings' cargo doc --release --workspace --no-deps

licences: ## Check the licences and origins of all dependencies
	@scripts/licences

clean: ## Remove everything built
	@rm -rf target
