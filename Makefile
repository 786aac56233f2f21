# Holdfast. `make help` lists the targets; `make demo` and `make test` are the two that README promises.
GO      ?= go
BIN     := bin/holdfast
LINT    := bin/golangci-lint
LINTVER := v2.15.0
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -funcalign=16 -X main.revision=$(VERSION)
FUZZTIME  ?= 10s
PLATFORMS ?= linux/amd64 linux/arm64 linux/arm linux/riscv64 illumos/amd64 solaris/amd64 freebsd/amd64 darwin/arm64
export CGO_ENABLED ?= 0

.PHONY: help build demo test chaos race cross lint fmt fuzz bench bench-go compat cover clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/holdfast
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/holdfast

demo: build ## three machines, five faults, one address: what the client sees
	$(BIN) demo

test: build ## all tests, with the race detector where a C compiler is at hand
	.ci/test
chaos: ## random faults in random overlap on three machines, for M minutes (default 5)
	HOLDFAST_CHAOS=$(or $(M),5)m $(GO) test ./cmd/holdfast -run '^TestChaos$$' -count=1 -timeout 0 -v

race: ## the unit tests alone, with the race detector
	CGO_ENABLED=1 $(GO) test -race -short ./...
cross: ## build for every system that Holdfast runs on; what is weaker than on Linux stands in README
	@for p in $(PLATFORMS); do echo $$p; GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -o /dev/null ./cmd/holdfast || exit 1; done

lint: $(LINT) ## the linter, with the rules of .golangci.yml
	$(LINT) run
	cd httpapi/compat && ../../$(LINT) run

$(LINT):
	GOBIN=$(CURDIR)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINTVER)
fmt: $(LINT) ## format the tree
	$(LINT) fmt

fuzz: ## every fuzz target for FUZZTIME (default 10s) each
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p || exit 1; done; done

bench: build ## three members under load; PEER=/path/to/consul beside them, QUICK=1 for a minute
	$(GO) run ./cmd/bench -binary $(BIN) $(if $(PEER),-peer $(PEER)) $(if $(QUICK),-quick)

bench-go: ## the Go benchmarks of every package
	$(GO) test -run '^$$' -bench . -benchtime 1s ./...

compat: build ## Consul's public Go client, its own tests, and programs written for Consul
	[ -x bin/consul-template ] || GOBIN=$(CURDIR)/bin $(GO) install github.com/hashicorp/consul-template@v0.41.1
	cd httpapi/compat && PATH="$(CURDIR)/bin:$$PATH" $(GO) test -count=1 -timeout 20m

cover: ## test coverage by function, in cover.out
	$(GO) test -short -coverprofile cover.out ./... && $(GO) tool cover -func cover.out | tail -1

clean: ## remove what was built
	rm -rf bin cover.out
