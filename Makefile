# The front door. On a fresh Debian 12 `make run` and `make test` are all the set-up there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
# What `make run` passes to the server, for example make run ARGS="--port 7000".
ARGS ?=

BUILD_PACKAGES := g++ cmake ninja-build pkg-config ccache libuv1-dev liblmdb-dev libxxhash-dev \
  libspdlog-dev libfmt-dev libmimalloc-dev liblzf-dev
TEST_PACKAGES := libgtest-dev libgmock-dev libhiredis-dev redis-tools
CLANG_PACKAGES := clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev llvm-19
BENCH_PACKAGES := redis-server redis-tools python3

define preset
	@cmake --preset $(1) > /dev/null
	@cmake --build --preset $(1) -j $(JOBS)
endef

.PHONY: help packages test-packages clang-packages build run test asan tsan tidy format \
  format-check fuzz compat bench docs docs-check clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

packages:
	@.ci/install-packages $(BUILD_PACKAGES)
test-packages: packages
	@.ci/install-packages $(TEST_PACKAGES)
clang-packages: test-packages
	@.ci/install-packages $(CLANG_PACKAGES)

build: test-packages ## build/cartwheel-server and the tests
	$(call preset,release)

run: packages ## installs what is missing, builds, starts a node on 127.0.0.1:6379
	@cmake --preset release -DCARTWHEEL_TESTS=OFF > /dev/null
	@cmake --build --preset release -j $(JOBS) --target cartwheel-server
	@exec build/cartwheel-server $(ARGS)

test: test-packages ## installs what is missing, builds, runs every test
	@cmake --preset release -DCARTWHEEL_TESTS=ON > /dev/null
	@cmake --build --preset release -j $(JOBS)
	@ctest --test-dir build -j $(JOBS) --output-on-failure --no-tests=error

asan: clang-packages ## every test under AddressSanitizer and UndefinedBehaviorSanitizer (clang 19)
	$(call preset,asan)
	@ctest --test-dir build-asan -j $(JOBS) --output-on-failure --no-tests=error

tsan: test-packages ## every test under ThreadSanitizer
	$(call preset,tsan)
	@ctest --test-dir build-tsan -j $(JOBS) --output-on-failure --no-tests=error

tidy: clang-packages ## layering, house rules and clang-tidy
	@tests/tidy.sh --self-test && tests/tidy.sh
	@cmake --preset asan > /dev/null
	@tests/clang-tidy.sh build-asan $(JOBS)

format: clang-packages ## rewrites all sources as .clang-format says
	@git ls-files -co --exclude-standard '*.h' '*.cc' | xargs clang-format-19 -i
format-check: clang-packages
	@git ls-files -co --exclude-standard '*.h' '*.cc' | xargs clang-format-19 --dry-run -Werror

fuzz: clang-packages ## every fuzzer for FUZZ_SECONDS (60), and the canaries they must find
	@cmake --preset asan > /dev/null && cmake --build --preset asan -j $(JOBS) --target fuzzers
	@tests/fuzz/run.sh $(FUZZ_SECONDS) build-asan
	@tests/fuzz/run.sh --canary build-asan

compat: packages ## real Redis clients and frameworks against the server; prints a table
	@cmake --preset release > /dev/null
	@cmake --build --preset release -j $(JOBS) --target cartwheel-server
	@redis-compat/setup
	@redis-compat/run

bench: test-packages ## throughput, p50/p99 and CPU per operation beside redis-server, same run
	@.ci/install-packages $(BENCH_PACKAGES)
	@cmake --preset release > /dev/null
	@cmake --build --preset release -j $(JOBS) --target cartwheel-server
	@python3 tests/bench/bench.py $(BENCH)

docs: test-packages ## regenerates docs/commands.md and docs/configuration.md from their tables
	@cmake --preset release > /dev/null && cmake --build --preset release --target generate_docs
	@build/tests/docs/generate_docs commands > docs/commands.md
	@build/tests/docs/generate_docs configuration > docs/configuration.md
docs-check: test-packages
	@cmake --build --preset release --target generate_docs
	@diff <(build/tests/docs/generate_docs commands) docs/commands.md && \
	  diff <(build/tests/docs/generate_docs configuration) docs/configuration.md || \
	  { echo "docs/ differ from the tables: run 'make docs'"; exit 1; }

clean: ## removes every build directory
	@rm -rf build build-*
