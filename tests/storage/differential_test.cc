// Random histories on the memory engine and on the durable one, which must agree on everything that
// can be seen: gets, scans, snapshots, the state after re-opening.
//
// The canary, differential_test_canary: the wrapper below forgets some deletions on one side, and
// the test must fail, at the first seed.
#include <array>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/key_order.h"
#include "storage/memory_engine.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

// Few enough that keys are hit again and again: of one to three letters, at LMDB's limits, long
// with a common beginning, and a pair with equal hashes.
std::vector<std::string> MakeKeys() {
  std::vector<std::string> keys;
  for (const char a : std::string_view("\x01mz\xff")) {
    keys.emplace_back(1, a);
    for (const char b : std::string_view("am\x80")) keys.push_back({a, b});
    for (const char b : std::string_view("bn\xfe")) keys.push_back({a, b, b});
  }
  for (const size_t size : {399U, 400U, 401U, 404U, 405U, 511U, 512U, 3000U}) {
    for (const char last : std::string_view("\x01kz")) {
      keys.push_back(std::string(size - 1, 'm') + last);
    }
  }
  const auto [one, other] = CollidingKeys();
  keys.push_back(one);
  keys.push_back(other);
  return keys;
}

class Twins {
 public:
  Twins(uint64_t seed, uint64_t memory_bytes)
      : random_(seed), memory_bytes_(memory_bytes), keys_(MakeKeys()) {
    Reopen();
  }

  void Step() {
    const uint64_t dice = random_.Below(100);
    if (dice < 45) return Put();
    if (dice < 60) return Delete();
    if (dice < 66) return DeleteRange();
    if (dice < 80) return Compare(*memory_, *durable_);
    if (dice < 83) return TakeSnapshot();
    if (dice < 86) return DropSnapshot();
    if (dice < 90) return CompareSnapshots();
    Commit();
    if (dice == 92) durable_->StartFlush();
    if (dice == 93) durable_->Tick(0, ++now_ms_);
    if (dice == 94) Flush();
    if (dice == 99) Reopen();
  }

  void CompareEverything() {
    CompareScans(*memory_, *durable_, "");
    CompareSnapshots();
  }

 private:
  struct SnapshotPair {
    std::unique_ptr<Reader> memory;
    std::unique_ptr<Reader> durable;
  };

  Keyspace RandomKeyspace() { return static_cast<Keyspace>(random_.Below(kKeyspaceCount)); }
  const std::string& RandomKey() { return keys_[random_.Below(keys_.size())]; }

  void Put() {
    const Keyspace keyspace = RandomKeyspace();
    const std::string& key = RandomKey();
    constexpr std::array<size_t, 6> kSizes = {0, 1, 20, 1000, 2100, 9000};
    const std::string value(kSizes[random_.Below(kSizes.size())],
                            static_cast<char>('a' + random_.Below(26)));
    memory_->Put(keyspace, key, value);
    durable_->Put(keyspace, key, value);
  }

  void Delete() {
    const Keyspace keyspace = RandomKeyspace();
    const std::string& key = RandomKey();
    durable_->Delete(keyspace, key);
#ifdef CARTWHEEL_CANARY
    if (++deletions_ % 20 == 0) return;
#endif
    memory_->Delete(keyspace, key);
  }

  void DeleteRange() {
    const Keyspace keyspace = RandomKeyspace();
    const std::string begin = random_.Below(8) == 0 ? "" : RandomKey();
    const std::string end = random_.Below(8) == 0 ? "" : RandomKey();
    memory_->DeleteRange(keyspace, begin, end);
    durable_->DeleteRange(keyspace, begin, end);
  }

  void Commit() {
    ASSERT_TRUE(memory_->Commit().has_value());
    ASSERT_TRUE(durable_->Commit().has_value());
  }

  void Flush() { ASSERT_TRUE(durable_->Flush().has_value()); }

  void Reopen() {
    snapshots_.clear();
    durable_.reset();
    DurableOptions options = FastOptions();
    options.lmdb.initial_map_bytes = 1 << 26;
    options.settings.memory_bytes = memory_bytes_;
    options.settings.checkpoint_log_bytes = 64 << 10;
    durable_ = OpenOrDie(directory_ / "store", options);
  }

  void TakeSnapshot() { snapshots_.push_back({memory_->NewSnapshot(), durable_->NewSnapshot()}); }

  void DropSnapshot() {
    if (snapshots_.empty()) return;
    snapshots_.erase(snapshots_.begin() +
                     static_cast<std::ptrdiff_t>(random_.Below(snapshots_.size())));
  }

  void Compare(Reader& memory, Reader& durable) {
    const Keyspace keyspace = RandomKeyspace();
    const std::string& key = RandomKey();
    ASSERT_EQ(memory.Get(keyspace, key), durable.Get(keyspace, key)) << "key of " << key.size();
    CompareScans(memory, durable, RandomKey());
  }

  void CompareSnapshots() {
    for (const SnapshotPair& pair : snapshots_) {
      Compare(*pair.memory, *pair.durable);
      CompareScans(*pair.memory, *pair.durable, "");
    }
  }

  static void CompareScans(Reader& memory, Reader& durable, std::string_view from) {
    for (size_t i = 0; i < kKeyspaceCount; ++i) {
      const auto keyspace = static_cast<Keyspace>(i);
      const Contents scanned = ScanFrom(memory, keyspace, from);
      ASSERT_TRUE(scanned == ScanFrom(durable, keyspace, from)) << "scans differ in keyspace " << i;
      for (size_t j = 0; j < scanned.size(); ++j) {
        ASSERT_FALSE(KeyOrder()(scanned[j].first, from));
        ASSERT_TRUE(j == 0 || KeyOrder()(scanned[j - 1].first, scanned[j].first));
      }
    }
  }

  Random random_;
  int64_t now_ms_ = 0;
  const uint64_t memory_bytes_;
  const std::vector<std::string> keys_;
  TempDirectory directory_;
  std::unique_ptr<Engine> memory_ = NewMemoryEngine();
  std::unique_ptr<Engine> durable_;
  std::vector<SnapshotPair> snapshots_;  // go before their engines
#ifdef CARTWHEEL_CANARY
  int deletions_ = 0;
#endif
};

TEST(Differential, EnginesAgreeOnRandomHistories) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    std::cout << "seed " << seed << std::endl;
    SCOPED_TRACE("seed " + std::to_string(seed));
    // The second keeps next to nothing, and evicts all the time.
    constexpr std::array<uint64_t, 4> kMemoryBytes = {0, 4 << 10, 64 << 10, 1 << 30};
    Twins twins(seed, kMemoryBytes[seed % kMemoryBytes.size()]);
    for (int step = 0; step < 3000 && !testing::Test::HasFatalFailure(); ++step) twins.Step();
    if (testing::Test::HasFatalFailure()) return;
    twins.CompareEverything();
  }
}

}  // namespace
}  // namespace cartwheel::storage
