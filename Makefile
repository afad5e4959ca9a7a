# tickring: make demo | test | test-full | conformance | readers-conformance | soak-faults | soak-record | bench | bench-readers | build | generate | install
#
# make test needs Go; it also runs the C and the Rust readers where their
# toolchains are found, and says so where they are not. TICKRING_REQUIRE_ALL=1
# makes a missing toolchain an error.

GO ?= go
BIN := bin
PREFIX ?= /usr/local
FUZZTIME ?= 5s
export TICKRING_SHARED ?= $(abspath ../shared)

FOR ?= 10m
.PHONY: all build demo test test-full conformance soak-faults soak-record bench bench-full generate lint fuzz install clean

all: build

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/tickring ./cmd/tickring

# The C reader, where there is a C compiler: the demo runs it beside the Go one.
.PHONY: creader
creader:
	@if command -v $${CC:-cc} >/dev/null 2>&1; then $(MAKE) --no-print-directory -s -C cgo_reader all; \
	else echo "no C compiler: the demo runs without the C reader (install gcc or clang to see it)"; fi

demo: build creader
	@$(BIN)/tickring demo --c-reader cgo_reader/build/tickring-tail-c

test:
	@.ci/test

test-full:
	@TICKRING_FULL=1 FUZZTIME=60s .ci/test

conformance:
	@$(GO) test -count=1 -timeout 20m -v ./bench/conformance

# Every reader against one scripted writer, see docs/conformance.md:
# make readers-conformance [READER=rust] [DRIVER=./my-driver]
.PHONY: readers-conformance
readers-conformance:
	@TICKRING_READER='$(READER)' TICKRING_DRIVER='$(DRIVER)' $(GO) test -count=1 -timeout 20m -v ./bench/readers

# All faults of simulated venues in random order: make soak-faults FOR=10m [SEED=7]
soak-faults:
	@mkdir -p $(BIN) && $(GO) build -o $(BIN)/soak ./bench/soak && $(BIN)/soak --for $(FOR) $(if $(SEED),--seed $(SEED))

# The same venues recorded, recorders killed, replays held against what was live:
# make soak-record FOR=10m [SEED=7]
soak-record: build
	@$(GO) build -o $(BIN)/soak ./bench/soak && $(BIN)/soak --record --tickring $(BIN)/tickring --for $(FOR) $(if $(SEED),--seed $(SEED))

bench:
	@.ci/bench

# Every peer that installs by ordinary means beside us: docs/dedicated-host.md.
bench-full:
	@bench/full/run

# Every language's reader beside the C reader, in one run.
.PHONY: bench-readers
bench-readers:
	@bench/languages/run

# Instructions and times beside the branch's base: make bench-check [BASE=COMMIT], see
# docs/operations.md.
.PHONY: bench-check
bench-check:
	@mkdir -p $(BIN) && $(GO) build -o $(BIN)/check ./bench/check && $(BIN)/check $(if $(BASE),-base $(BASE))

# What disturbs the hot thread at 50,000 messages a second: make bench-quiet FOR=10m
.PHONY: bench-quiet
bench-quiet:
	@$(GO) run ./bench/quiet -for $(FOR)

generate:
	$(GO) generate ./...

lint:
	@.ci/test lint

fuzz:
	@FUZZTIME=$(FUZZTIME) .ci/test fuzz

install:
	$(MAKE) -C cgo_reader install PREFIX=$(PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin
	CGO_ENABLED=0 $(GO) build -trimpath -o $(DESTDIR)$(PREFIX)/bin/tickring ./cmd/tickring

clean:
	rm -rf $(BIN) build
	$(MAKE) -C cgo_reader clean
