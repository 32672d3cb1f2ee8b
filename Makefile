# Everything a developer does with Sluice. `make help` lists it.

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LINT_VERSION := v2.15.0
LINT := .tools/golangci-lint-$(LINT_VERSION)
VULN_VERSION := v1.9.0
VULN := .tools/govulncheck-$(VULN_VERSION)
MINIO := .tools/minio
STAND := .tools/stand

SIZE ?=
RUN ?=
TEST ?=
ARGS ?=
RUNS ?=
FAULT ?=
ROUNDS ?=
ONLY ?=
ROWS ?=
JSON ?=

# They reach the stand as environment, so that no shell reads them twice, and
# unexpanded, so that RUN='psql "$SLUICE_SOURCE_URL"' means what it says; who
# writes $$ as in a Makefile is understood as well.
unexport RUN TEST ARGS FAULT ONLY JSON
export STAND_RUN = $(subst $$$$,$$,$(value RUN))
export STAND_TEST = $(value TEST)
export STAND_ARGS = $(subst $$$$,$$,$(value ARGS))
export STAND_FAULT = $(value FAULT)
export STAND_ONLY = $(value ONLY)
export STAND_JSON = $(or $(value JSON),bench.json)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z\/]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build $(STAND) ## Run Sluice with a database, an S3 server and sample data (SIZE=100000 resources)
	@$(STAND) run --size=$(or $(SIZE),0)

.PHONY: test
test: $(STAND) ## Run every test in a fresh stand (TEST=./api/... ARGS='-run Name -v')
	@$(STAND) test

.PHONY: test/minio
test/minio: $(STAND) $(MINIO) ## Run the storage and export tests against MinIO (the first time builds it: minutes)
	@$(STAND) test --minio=$(MINIO)

.PHONY: stand
stand: build $(STAND) ## Run a shell command in a fresh, empty stand (RUN='bin/sluice migrate')
	@$(STAND) exec

.PHONY: chaos
chaos: build $(STAND) ## Let things go wrong while Sluice exports, and count what is lost (RUNS=3 FAULT='kill -9')
	@$(STAND) chaos --runs=$(or $(RUNS),3)

.PHONY: bench
bench: build $(STAND) ## Measure Sluice against COPY (SIZE=1GB ROUNDS=5 ONLY=dump ROWS=0 JSON=bench.json)
	@$(STAND) bench --size=$(or $(SIZE),1GB) --rounds=$(or $(ROUNDS),5) --first-rows=$(or $(ROWS),10000000)

# gin's MessagePack, which nothing here speaks, is a tenth of the program, and of
# the memory it takes.
.PHONY: build
build: ## Build bin/sluice
	@CGO_ENABLED=0 go build -tags nomsgpack -trimpath -buildvcs=false -ldflags '-s -w -X github.com/seed-90096f4d/sluice/cli.version=$(VERSION)' -o bin/sluice .

.PHONY: lint
lint: $(LINT) ## Check style, walls and likely mistakes in both modules
	$(LINT) run ./...
	cd dev && ../$(LINT) run --config=../.golangci.yml ./...

.PHONY: vulnerabilities
vulnerabilities: $(VULN) ## Look the dependencies up in Go's database of vulnerabilities
	.ci/vulnerabilities $(VULN)

.PHONY: format
format: $(LINT) ## Format both modules
	$(LINT) fmt ./...
	cd dev && ../$(LINT) fmt --config=../.golangci.yml ./...

.PHONY: clean
clean: ## Remove what was built and the data of make run
	@if [ -L .stand ]; then rm -rf "$$(readlink .stand)"; fi
	rm -rf bin .stand .tools

# Go itself knows best whether the stand has to be built again.
.PHONY: $(STAND)
$(STAND):
	@CGO_ENABLED=0 go build -C dev -trimpath -buildvcs=false -o ../$(STAND) .

$(LINT):
	GOBIN='$(CURDIR)/.tools' go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv .tools/golangci-lint $@

$(VULN):
	GOBIN='$(CURDIR)/.tools' go install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)
	mv .tools/govulncheck $@

# The last public source of MinIO's server, which is no longer maintained.
$(MINIO):
	GOBIN='$(CURDIR)/.tools' CGO_ENABLED=0 go install -trimpath github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
