#include "tests/bench/tree_cost.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/local_store.h"
#include "storage/check.h"
#include "storage/durable_engine.h"
#include "storage/memory_engine.h"
#include "tests/bench/thread_cpu.h"
#include "tests/cluster/random.h"

namespace cartwheel {
namespace {

using cluster::KeyRef;
using cluster::kPartitions;
using cluster::LocalStore;
using cluster::Partition;
using storage::Check;

constexpr size_t kTurn = 16;
constexpr size_t kValueBytes = 100;
constexpr int64_t kNowMs = 1'700'000'000'000;

class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_(std::filesystem::temp_directory_path() / "bench_repair.XXXXXX") {
    Check(mkdtemp(path_.data()) != nullptr, "a new directory can be made in $TMPDIR");
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class Writes {
 public:
  Writes(storage::Engine& engine, uint64_t keys) : keys_(keys), value_(kValueBytes, 'x') {
    // One of several: who is alone compares with nobody, and needs no trees.
    cluster::Ownership all{.alone = false, .owned = {}, .arriving = {}};
    all.owned.set();
    store_.emplace(*LocalStore::Open(engine, {.actor_seed = 1, .ownership = all}));
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      store_->MarkComplete(partition);
    }
    std::vector<std::string> turn;
    for (uint64_t i = 0; i < keys_; ++i) {
      turn.push_back(KeyOf(i));
      if (turn.size() == kTurn || i + 1 == keys_) WriteTurn(turn, false);
      if (turn.size() == kTurn) turn.clear();
    }
  }

  void SetTrees(bool wanted) {
    for (Partition partition = 0; partition < kPartitions; ++partition) {
      store_->DropTree(partition);
      size_t limit = SIZE_MAX;
      while (wanted && !store_->BuildTree(partition, limit)) {
      }
    }
    Random(keys_ / 20, false);  // what building had in the processor's caches goes
  }
  // CPU of one of them.
  double Random(uint64_t writes, bool looks_ahead) {
    std::vector<std::string> keys;  // made before: they are no part of it
    for (uint64_t i = 0; i < writes; ++i) keys.push_back(KeyOf(random_.Below(keys_)));
    const int64_t began_ns = ThreadCpuNs();
    for (size_t i = 0; i < keys.size(); i += kTurn) {
      WriteTurn(std::span(keys).subspan(i, std::min(kTurn, keys.size() - i)), looks_ahead);
    }
    return static_cast<double>(ThreadCpuNs() - began_ns) / static_cast<double>(writes);
  }

 private:
  static std::string KeyOf(uint64_t number) { return "key:" + std::to_string(number); }

  // As a pipeline of a client's: the server looks ahead at its keys.
  void WriteTurn(std::span<const std::string> keys, bool looks_ahead) {
    if (looks_ahead) {
      std::array<KeyRef, kTurn> refs;
      for (size_t i = 0; i < keys.size(); ++i) refs[i] = {0, keys[i]};
      store_->Prefetch(std::span(refs).first(keys.size()));
    }
    for (const std::string& key : keys) {
      store_->Write({0, key}, cluster::Change::Put(value_, cluster::kNoExpiry), kNowMs);
    }
    Check(store_->Commit().has_value(), "a turn of writes is stored");
  }

  uint64_t keys_;
  std::string value_;
  std::optional<LocalStore> store_;
  cluster::Random random_{7};
};

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void Measure(const char* name, storage::Engine& engine, const TreeCostPlan& plan) {
  Writes writes(engine, plan.keys);
  struct Sample {
    std::vector<double> one_by_one, ahead;
  };
  std::array<Sample, 2> samples;  // without trees, with them
  for (uint64_t i = 0; i < 2 * plan.blocks; ++i) {
    const bool trees = ((i + 1) / 2) % 2 == 1;  // off, on, on, off, off, ...
    if (i == 0 || trees != ((i / 2) % 2 == 1)) writes.SetTrees(trees);
    samples[trees ? 1 : 0].one_by_one.push_back(writes.Random(plan.writes, false));
    samples[trees ? 1 : 0].ahead.push_back(writes.Random(plan.writes, true));
  }
  const auto print = [&](const char* how, std::vector<double> Sample::* field) {
    const double without = Median(samples[0].*field);
    const double with = Median(samples[1].*field);
    std::printf("%-8s  %-12s %10.0f %10.0f %8.0f ns %7.1f %%\n", name, how, without, with,
                with - without, (with / without - 1) * 100);
  };
  print("one by one", &Sample::one_by_one);
  print("looked ahead", &Sample::ahead);
  std::fflush(stdout);
}

}  // namespace

void MeasureTreeCost(const TreeCostPlan& plan) {
  std::printf(
      "\nCPU of a write: SET of %zu bytes, any of %llu keys in %d partitions, turns of %zu,\n"
      "medians of %llu blocks of %llu writes with trees and without, in turns\n\n",
      kValueBytes, static_cast<unsigned long long>(plan.keys), kPartitions, kTurn,
      static_cast<unsigned long long>(plan.blocks), static_cast<unsigned long long>(plan.writes));
  std::printf("engine    keys         ns without  with trees   difference\n");
  {
    const auto memory = storage::NewMemoryEngine();
    Measure("memory", *memory, plan);
  }
  const TemporaryDirectory directory;
  storage::DurableOptions options;
  options.settings.memory_bytes = 0;
  const auto durable = storage::OpenDurableEngine(directory.path(), options);
  if (!durable) {
    std::fprintf(stderr, "bench_repair: %s\n", durable.error().message.c_str());
    std::exit(1);
  }
  Measure("durable", **durable, plan);
}

}  // namespace cartwheel
