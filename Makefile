# Everything that is done with lodoor's source has a target here; `make` lists them. .ci/ holds the longer scripts.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
FUZZTIME ?= 10s
# linux/amd64 is what all the rest is built for.
TARGETS  := linux/arm64 darwin/arm64 windows/amd64

LINT_VERSION := v2.15.0
LINT         := .tools/golangci-lint-$(LINT_VERSION)

# A checkout that git does not trust (another user's) can say no commit; the go command would give up over it.
BUILDVCS := $(shell git rev-parse HEAD >/dev/null 2>&1 && echo auto || echo false)
export GOFLAGS := $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=$(BUILDVCS)

# The race detector needs a C compiler. It is on in CI, where its absence is an error, and by RACE=1.
RACE ?= $(if $(filter true 1,$(CI)),1)
RACEFLAG := $(if $(filter-out 0,$(RACE)),-race)
TEST := CGO_ENABLED=$(if $(RACEFLAG),1,0) $(GO) test $(RACEFLAG)

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/lodoor, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags="-s -w" -o bin/lodoor ./cmd/lodoor

.PHONY: demo
demo: build ## a service behind a door, local clients, and one who is not local
	@bin/lodoor demo $(if $(filter true 1,$(CI)),--once)

.PHONY: test
test: deps ## all tests, with real databases (RACE=1: with the race detector)
	$(TEST) -timeout 25m ./...

.PHONY: soak
soak: deps ## the long tests, in some hours; what reads a peer's bytes (decoders, gates, PROXY headers) is fuzzed, ten minutes each
	LODOOR_SOAK=1 $(TEST) -count=1 -timeout 3h ./...
	@for folder in proxy/wire proxy/proxyproto proxy/gate; do GO="$(GO)" .ci/fuzz 10m $$folder; done

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME (10s)
	@GO="$(GO)" .ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## lodoor beside the relays that do the same work (installs them, as root): bench/RESULTS.md, in some hours
	@bench/deps
	$(GO) run ./bench

.PHONY: fmt
fmt: ## format the source
	gofmt -w .

.PHONY: fmt-check
fmt-check: ## fail when a file is not formatted
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then printf 'not formatted (make fmt):\n%s\n' "$$unformatted"; exit 1; fi

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: lint
lint: $(LINT) ## golangci-lint, the floors of the house among its rules
	$(LINT) run ./...

.PHONY: cross
cross: ## build and vet for the systems that this one is not
	@for target in $(TARGETS); do \
		echo "$$target"; \
		export CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/}; \
		$(GO) build ./...; \
		$(GO) vet ./...; \
	done

.PHONY: readme-commands
readme-commands: build ## run the commands of the README that are marked, check the others
	@PATH="$(CURDIR)/bin:$$PATH" .ci/readme-commands README.md

.PHONY: deps
deps: ## install what the tests need and the machine lacks (Debian; as root)
	@.ci/deps

.PHONY: tools
tools: $(LINT) ## install the linter into .tools/

$(LINT):
	GOBIN="$(CURDIR)/.tools" CGO_ENABLED=0 $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv .tools/golangci-lint $@

.PHONY: ci
ci: ## everything that must pass, with the time that each step took
	@CI=true .ci/steps fmt-check vet lint cross test demo readme-commands

.PHONY: clean
clean: ## remove what was built
	rm -rf bin .tools
