# The front door. On a fresh Debian 12 `make run` and `make test` are all the set-up there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
# What `make run` passes to the server, for example make run ARGS="--port 7000".
ARGS ?=
# What `make docker` passes to docker build, for example DOCKER_BUILD_ARGS="--network host".
DOCKER_BUILD_ARGS ?=
DOCKER_IMAGE ?= cartwheel

BUILD_PACKAGES := g++ cmake ninja-build pkg-config ccache libuv1-dev liblmdb-dev libxxhash-dev \
  libspdlog-dev libfmt-dev libmimalloc-dev liblzf-dev libboost1.81-dev libroaring-dev libssl-dev
RUN_PACKAGES := redis-tools
TEST_PACKAGES := iproute2 libgtest-dev libgmock-dev libhiredis-dev redis-tools
CLANG_PACKAGES := clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev llvm-19
BENCH_PACKAGES := redis-server redis-tools python3
LOSS_PACKAGES := iproute2 $(BENCH_PACKAGES)

define preset
	@cmake --preset $(1) > /dev/null
	@cmake --build --preset $(1) -j $(JOBS)
endef

# One apt at a time; the builds themselves are parallel.
.NOTPARALLEL:
.PHONY: help packages run-packages test-packages clang-packages build server run cluster cluster-stop test asan tsan crash moves sim sim-mutations \
  tidy format format-check fuzz compat bench bench-cluster bench-repair bench-eviction soak loss docs docs-check \
  docker docker-up docker-down docker-test docker-upgrade-test clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 16

# Each names all it needs, so that whoever may not install packages is told once.
packages:
	@.ci/install-packages $(BUILD_PACKAGES)
run-packages:
	@.ci/install-packages $(BUILD_PACKAGES) $(RUN_PACKAGES)
test-packages:
	@.ci/install-packages $(BUILD_PACKAGES) $(TEST_PACKAGES)
clang-packages:
	@.ci/install-packages $(BUILD_PACKAGES) $(TEST_PACKAGES) $(CLANG_PACKAGES)

build: test-packages ## build/cartwheel-server and the tests
	$(call preset,release)

# More of CMake's own for the server alone.
CMAKE_OPTIONS ?=
server: packages ## build/cartwheel-server alone
	@cmake --preset release -DCARTWHEEL_TESTS=OFF $(CMAKE_OPTIONS) > /dev/null
	@cmake --build --preset release -j $(JOBS) --target cartwheel-server

run: run-packages server ## installs what is missing, builds, starts a node on 127.0.0.1:6379
	@exec build/cartwheel-server $(ARGS)

N ?= 3
cluster: run-packages server ## a cluster of N nodes (3) on this machine, ports 7001 and on
	@.ci/local-cluster start $(N)
cluster-stop: ## ends it; its data stay for the next time
	@.ci/local-cluster stop

test: test-packages ## installs what is missing, builds, runs every test
	$(call preset,release)
	@ctest --test-dir build -j $(JOBS) --output-on-failure --no-tests=error

asan: clang-packages ## every test under AddressSanitizer and UndefinedBehaviorSanitizer (clang 19)
	$(call preset,asan)
	@ctest --test-dir build-asan -j $(JOBS) --output-on-failure --no-tests=error

tsan: test-packages ## every test under ThreadSanitizer
	$(call preset,tsan)
	@ctest --test-dir build-tsan -j $(JOBS) --output-on-failure --no-tests=error

crash: build ## kill -9 under load, a hundred times for each appendfsync
	@CARTWHEEL_CRASHES=100 build/tests/process_tests --gtest_filter='*Kill*'

MB ?= 1000
moves: build ## nodes come and go under load; how long clients wait, how fast MB (1000) are moved
	@CARTWHEEL_MOVES=1 CARTWHEEL_MOVES_MB=$(MB) build/tests/process_tests --gtest_filter='Moves.*'

# 0: SEEDS seeds from FIRST on; another number: that seed's story.
SEED ?= 0
SEEDS ?= 1000
FIRST ?= 1
NODES ?= 5
STEPS ?= 300
# --moves: owners change meanwhile; --small-moves: those of one partition alone, in a small world.
SIM ?=
SIM_OPTIONS = --nodes $(NODES) --steps $(STEPS) $(SIM)
sim: test-packages ## whole clusters in virtual time, from SEEDS seeds (1000) or one SEED
	@cmake --preset release > /dev/null && cmake --build --preset release -j $(JOBS) --target simulate
	@if [ $(SEED) = 0 ]; then build/tests/simulate --first $(FIRST) --seeds $(SEEDS) --jobs $(JOBS) $(SIM_OPTIONS); \
	  else build/tests/simulate --seed $(SEED) $(SIM_OPTIONS); fi

sim-mutations: test-packages ## faults planted in the sources, each of which the simulator must find
	@cmake --preset release > /dev/null && cmake --build --preset release -j $(JOBS) --target simulate_mutated
	@tests/sim/mutations.sh build/tests/simulate_mutated $(SIM_OPTIONS)

tidy: clang-packages ## layering, house rules and clang-tidy
	@tests/tidy.sh --self-test && tests/tidy.sh
	@tests/clang-tidy.sh --self-test && tests/clang-tidy.sh build-asan $(JOBS)

format: clang-packages ## rewrites all sources as .clang-format says
	@git ls-files -co --exclude-standard '*.h' '*.cc' | xargs clang-format-19 -i
format-check: clang-packages
	@git ls-files -co --exclude-standard '*.h' '*.cc' | xargs clang-format-19 --dry-run -Werror

fuzz: clang-packages ## every fuzzer for FUZZ_SECONDS (60), and the canaries they must find
	@cmake --preset asan > /dev/null && cmake --build --preset asan -j $(JOBS) --target fuzzers
	@tests/fuzz/run.sh $(FUZZ_SECONDS) build-asan
	@tests/fuzz/run.sh --canary build-asan

compat: server ## real Redis clients, then random requests compared with redis-server
	@redis-compat/setup
	@redis-compat/run
	@redis-compat/run-cluster --death
	@redis-compat/compare --commands 5000
	@redis-compat/compare --commands 150 --canary | grep 'SETRANGE canary' > /dev/null

bench: server ## throughput, p50/p99 and CPU per operation beside redis-server, same run
	@.ci/install-packages $(BENCH_PACKAGES)
	@python3 tests/bench/bench.py $(BENCH)

bench-cluster: build ## three nodes beside Redis with replicas and WAIT, and beside a single Redis, same run
	@.ci/install-packages $(BENCH_PACKAGES)
	@cmake --build --preset release -j $(JOBS) --target bench_load
	@python3 tests/bench/cluster.py $(BENCH)

bench-repair: test-packages ## what owners that compare say to each other, in bytes, and what trees cost writes
	@cmake --preset release > /dev/null && cmake --build --preset release -j $(JOBS) --target bench_repair
	@build/tests/bench_repair --canary missed 2>&1 | grep 'hold different things' > /dev/null
	@build/tests/bench_repair --canary lost 2>&1 | grep 'not what the records say' > /dev/null
	@build/tests/bench_repair $(REPAIR)

bench-eviction: server ## hit rates of a full cache beside redis-server, one node and three
	@.ci/install-packages $(BENCH_PACKAGES)
	@python3 tests/bench/eviction.py $(BENCH)

soak: server ## a data set four times the memory for a minute: replies right, memory, log and disk bounded
	@.ci/install-packages python3
	@python3 tests/soak/soak.py --canary --seconds 6 --maxmemory 16mb
	@python3 tests/soak/soak.py $(SOAK)

loss: server ## the set test of Jepsen: networks cut, nodes killed, what is lost; beside Redis Cluster; needs root
	@.ci/install-packages $(LOSS_PACKAGES)
	@python3 tests/loss/loss.py --canary
	@python3 tests/loss/loss.py $(LOSS)

docs: test-packages ## regenerates docs/commands.md and docs/configuration.md from their tables
	@cmake --preset release > /dev/null && cmake --build --preset release --target generate_docs
	@build/tests/docs/generate_docs commands > docs/commands.md
	@build/tests/docs/generate_docs configuration > docs/configuration.md
docs-check: test-packages
	@cmake --preset release > /dev/null && cmake --build --preset release --target generate_docs
	@diff <(build/tests/docs/generate_docs commands) docs/commands.md && \
	  diff <(build/tests/docs/generate_docs configuration) docs/configuration.md || \
	  { echo "docs/ differ from the tables: run 'make docs'"; exit 1; }

docker: ## the image of one node; see docker/README.md
	@docker version > /dev/null 2>&1 || { echo "make $(or $(MAKECMDGOALS),docker): no Docker engine answers" >&2; exit 1; }
	@docker build $(DOCKER_BUILD_ARGS) -f docker/Dockerfile -t $(DOCKER_IMAGE) \
	  --build-arg VERSION="$$(sed -n 's/.*kVersion = "\(.*\)".*/\1/p' server/version.h)" \
	  --build-arg REVISION="$$(git rev-parse HEAD 2> /dev/null || echo unknown)" .
docker-up: docker ## a cluster of three in containers, on ports 7001 to 7003; five with FILES=compose.five.yaml
	@docker/cluster up $(FILES)
docker-down: ## ends it; its data stay for the next time
	@docker/cluster down
docker-test: docker ## containers alone and in a cluster: faults under load, clients outside and inside
	@.ci/install-packages python3
	@docker/test $(DOCKER_IMAGE)
	@tests/docker/run.py --image $(DOCKER_IMAGE)
OLD ?= HEAD~1
docker-upgrade-test: docker ## a cluster of OLD (HEAD~1) becomes one of this tree, node after node, under load
	@git archive $(OLD) | docker build $(DOCKER_BUILD_ARGS) -f docker/Dockerfile -t $(DOCKER_IMAGE):old -
	@tests/docker/run.py --image $(DOCKER_IMAGE) --from $(DOCKER_IMAGE):old

clean: ## removes every build directory
	@rm -rf build build-*
