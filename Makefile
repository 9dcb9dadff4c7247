# `make` alone lists the targets. Build flags are Go's defaults everywhere, so that the C grammars
# of tree-sitter are compiled once and every target finds them in the build cache.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
BUF     := bin/tools/node_modules/.bin/buf
TEST    ?= ./...
TEST_TIMEOUT ?= 20m
NODES   ?= 3
REPO    ?= .
INPUTS  ?= .inputs

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/codegraphd and bin/cgctl
	@mkdir -p bin
	go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/codegraphd ./cmd/cgctl

.PHONY: quickstart
quickstart: ## three nodes, this repository (or REPO=path), five questions; leaves the cluster running
	@NODES='$(NODES)' scripts/quickstart.sh '$(REPO)'

.PHONY: quickstart-down
quickstart-down: ## end the cluster of quickstart
	bin/cgctl dev down

# -count=1: the tests that start real nodes do not import them, so Go would take an old result for
# one of the code as it is now.
.PHONY: test
test: build ## run every test (TEST=./graph for one package)
	@start=$$SECONDS; go test -count=1 -timeout $(TEST_TIMEOUT) $(TEST); \
	echo "tests passed in $$((SECONDS - start)) s"

.PHONY: race
race: ## race detector over the packages without cgo
	scripts/race.sh

.PHONY: lint
lint: tools ## gofmt, go vet, the house rules, buf lint
	scripts/gofmt.sh
	go vet ./...
	go test ./internal/lint
	$(BUF) lint

.PHONY: generate
generate: tools ## write all generated files: protos, docs/SCHEMA.md, THIRD_PARTY_NOTICES
	$(BUF) generate
	go generate ./...
	go run ./internal/schemadoc -out docs/SCHEMA.md
	@$(MAKE) --no-print-directory notices

.PHONY: notices
notices: ## write THIRD_PARTY_NOTICES from what is linked
	go run ./internal/notices -out THIRD_PARTY_NOTICES ./cmd/codegraphd ./cmd/cgctl

.PHONY: bench
bench: build ## figures of an ingest of REPO into NODES nodes, in clear text and with TLS
	@go run ./bench ingest -nodes '$(NODES)' '$(REPO)'

.PHONY: bench-ingest
bench-ingest: build ## the same for the real sources, or for REPO=dir; fails if a bar is missed
	@if [[ '$(REPO)' == . ]]; then INPUTS='$(INPUTS)' scripts/inputs.sh >&2; fi
	@go run ./bench ingest -nodes '$(NODES)' -inputs '$(INPUTS)' $(filter-out .,$(REPO))

.PHONY: bench-idle
bench-idle: build ## what three nodes cost that nobody asks anything, with 16 and with 64 shards
	@go run ./bench idle -nodes '$(NODES)'

.PHONY: bench-failover
bench-failover: build ## kill leaders, wait for the first write that is acknowledged again
	@go run ./bench failover -nodes '$(NODES)'

.PHONY: bench-raftlog
bench-raftlog: ## stores of Raft logs side by side (GROUPS=1,16,64 WRITERS=128 SIZE=1024 DURATION=9s)
	@go run ./bench raftlog $(if $(GROUPS),-groups '$(GROUPS)') $(if $(WRITERS),-writers '$(WRITERS)') \
		$(if $(SIZE),-size '$(SIZE)') $(if $(DURATION),-duration '$(DURATION)')

.PHONY: questions
questions: build ## take in real sources and ask the questions with known answers (bench/testdata)
	@INPUTS='$(INPUTS)' scripts/inputs.sh >&2
	INPUTS='$(abspath $(INPUTS))' NODES='$(NODES)' go test -tags inputs -count=1 -timeout 60m \
		-run 'TestQuestions$(if $(QUESTION),/$(QUESTION))' -v ./bench

.PHONY: chaos-disk
chaos-disk: build ## fill real file systems under three nodes (needs root and loop mounts)
	@CODEGRAPH_BIN='$(CURDIR)/bin' scripts/chaos-disk.sh

.PHONY: chaos-cell
chaos-cell: build ## one cell on real nodes: CELL=W7/kill SEED=1 TIME=45s (needs root)
	@scripts/chaos.sh cell '$(or $(CELL),W7/kill)'

.PHONY: chaos-ci
chaos-ci: build ## six cells, others with each commit; within 15 minutes (needs root)
	@scripts/chaos.sh ci

.PHONY: chaos-nightly
chaos-nightly: build ## a part of the matrix into chaos/RESULTS.md: PART=3/12 (needs root); resumes
	@scripts/chaos.sh nightly '$(or $(PART),1/1)'

.PHONY: size
size: build ## print the sizes of the binaries, fail above the bars in docs/size.txt
	@scripts/size.sh

.PHONY: tools
tools:
	@scripts/tools.sh

.PHONY: clean
clean: ## remove the binaries (the build cache and bin/tools stay)
	rm -f bin/codegraphd bin/cgctl
