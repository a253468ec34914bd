// What only the memory engine promises: it keeps no version that nobody can read.
#include "storage/memory_engine.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

constexpr Keyspace kData = Keyspace::kData;

TEST(MemoryEngine, OverwritingWithoutSnapshotsTakesNoMemory) {
  const auto engine = NewMemoryEngine();
  engine->Put(kData, "a", std::string(1000, 'v'));
  ASSERT_TRUE(engine->Commit().has_value());
  const uint64_t before = engine->usage().bytes_in_memory;
  for (int i = 0; i < 100; ++i) {
    engine->Put(kData, "a", std::string(1000, 'w'));
    ASSERT_TRUE(engine->Commit().has_value());
  }
  EXPECT_EQ(engine->usage().bytes_in_memory, before);
}

TEST(MemoryEngine, ASnapshotKeepsOneVersionOfAKeyHoweverOftenItChanges) {
  const auto engine = NewMemoryEngine();
  engine->Put(kData, "a", std::string(1000, 'v'));
  ASSERT_TRUE(engine->Commit().has_value());
  const uint64_t before = engine->usage().bytes_in_memory;
  const auto snapshot = engine->NewSnapshot();
  for (int i = 0; i < 100; ++i) {
    engine->Put(kData, "a", std::string(1000, 'w'));
    ASSERT_TRUE(engine->Commit().has_value());
  }
  EXPECT_LT(engine->usage().bytes_in_memory, before + 1100);
}

TEST(MemoryEngine, NothingIsLeftWhenSnapshotsEndInAnyOrder) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    const auto engine = NewMemoryEngine();
    std::vector<std::unique_ptr<Reader>> snapshots;
    for (int i = 0; i < 200; ++i) {
      const std::string key = std::to_string(random.Below(10));
      switch (random.Below(5)) {
        case 0: engine->Delete(kData, key); break;
        case 1: snapshots.push_back(engine->NewSnapshot()); break;
        case 2: ASSERT_TRUE(engine->Commit().has_value()); break;
        default: engine->Put(kData, key, std::string(random.Below(50), 'v'));
      }
    }
    engine->DeleteRange(kData, "", "");
    ASSERT_TRUE(engine->Commit().has_value());
    while (!snapshots.empty()) {
      snapshots.erase(snapshots.begin() +
                      static_cast<std::ptrdiff_t>(random.Below(snapshots.size())));
    }
    EXPECT_EQ(engine->usage().bytes_in_memory, 0U) << "seed " << seed;
  }
}

}  // namespace
}  // namespace cartwheel::storage
