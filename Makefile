# Commands for developers. `make help` lists them.

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
FORM ?=
JSON ?=

# The stand gets these as environment variables, which neither make nor a second shell
# expands, so that RUN='psql "$SLUICE_SOURCE_URL"' works. $$ works as well.
unexport RUN TEST ARGS FAULT ONLY JSON
export STAND_RUN = $(subst $$$$,$$,$(value RUN))
export STAND_TEST = $(value TEST)
export STAND_ARGS = $(subst $$$$,$$,$(value ARGS))
export STAND_FAULT = $(value FAULT)
export STAND_ONLY = $(value ONLY)
export STAND_JSON = $(or $(value JSON),bench.json)

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z\/]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build $(STAND) ## Run Sluice with a database, an S3 server and sample data (SIZE=100000 resources)
	@$(STAND) run --size=$(or $(SIZE),0)

.PHONY: test
test: $(STAND) ## Run all tests in a fresh stand (TEST=./api/... ARGS='-run Name -v')
	@$(STAND) test

.PHONY: test/minio
test/minio: $(STAND) $(MINIO) ## Run the storage and export tests against MinIO (the first run builds it, which takes minutes)
	@$(STAND) test --minio=$(MINIO)

.PHONY: stand
stand: build $(STAND) ## Run a shell command in a fresh, empty stand (RUN='bin/sluice migrate')
	@$(STAND) exec

.PHONY: chaos
chaos: build $(STAND) ## Inject faults into running exports and check that nothing is lost (RUNS=3 FAULT='kill -9')
	@$(STAND) chaos --runs=$(or $(RUNS),3)

.PHONY: bench
bench: build $(STAND) ## Measure Sluice against COPY (SIZE=1GB ROUNDS=5 ONLY=dump ROWS=0 FORM=text)
	@$(STAND) bench --size=$(or $(SIZE),1GB) --rounds=$(or $(ROUNDS),5) --first-rows=$(or $(ROWS),10000000) --form=$(or $(FORM),stored)

.PHONY: dashboards
dashboards: $(STAND) ## Generate the dashboards in deploy/grafana
	@$(STAND) dashboards

# nomsgpack leaves out gin's MessagePack support, which is unused and a tenth of the
# program and of its memory.
.PHONY: build
build: ## Build bin/sluice
	@CGO_ENABLED=0 go build -tags nomsgpack -trimpath -buildvcs=false -ldflags '-s -w -X github.com/seed-90096f4d/sluice/cli.version=$(VERSION)' -o bin/sluice .

.PHONY: lint
lint: $(LINT) ## Run the linters on both modules
	$(LINT) run ./...
	cd dev && ../$(LINT) run --config=../.golangci.yml ./...

.PHONY: vulnerabilities
vulnerabilities: $(VULN) ## Check the dependencies for known vulnerabilities
	.ci/vulnerabilities $(VULN)

.PHONY: format
format: $(LINT) ## Format both modules
	$(LINT) fmt ./...
	cd dev && ../$(LINT) fmt --config=../.golangci.yml ./...

.PHONY: clean
clean: ## Remove build results and the data of make run
	@if [ -L .stand ]; then rm -rf "$$(readlink .stand)"; fi
	rm -rf bin .stand .tools

# Always run: go build checks whether the stand is up to date.
.PHONY: $(STAND)
$(STAND):
	@CGO_ENABLED=0 go build -C dev -trimpath -buildvcs=false -o ../$(STAND) .

$(LINT):
	GOBIN='$(CURDIR)/.tools' go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv .tools/golangci-lint $@

$(VULN):
	GOBIN='$(CURDIR)/.tools' go install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)
	mv .tools/govulncheck $@

# The last public version of the MinIO server, which is no longer maintained.
$(MINIO):
	GOBIN='$(CURDIR)/.tools' CGO_ENABLED=0 go install -trimpath github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
