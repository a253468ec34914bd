#include "storage/flusher.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "layer_testing.h"
#include "storage/memory_base_store.h"
#include "storage/simulated_disk.h"

namespace cartwheel::storage {
namespace {

using ::testing::ElementsAre;
using Call = SimulatedDisk::Call;

int64_t stopwatch = 0;

class FlusherTest : public ::testing::Test {
 protected:
  FlusherTest() {
    generation_.end = 70;
    generation_.layer(Keyspace::kData).Add(entries_.New("a", "1"));
    generation_.layer(Keyspace::kMeta).Add(entries_.New("b", "2"));
    for (Layer& layer : generation_.layers) layer.Seal();
    for (const char* name : {"1", "2", "3"}) disk_.SetContents(name, "x");
    auto worker = std::make_unique<ManualWorker>(false);
    flusher_.emplace(disk_, base_, std::move(worker), [] { return stopwatch += 5; });
  }
  void Start() {
    flusher_->Start(
        {.generations = {&generation_}, .segments = {"1", "2"}, .how = {.transaction_keys = 9}});
  }
  Flusher::Outcome Finish() {
    flusher_->Wait();
    return *flusher_->Collect();
  }

  EntryOwner entries_;
  Generation generation_;
  SimulatedDisk disk_;
  MemoryBaseStore::Contents contents_;
  MemoryBaseStore base_{contents_};
  std::optional<Flusher> flusher_;
};

TEST_F(FlusherTest, PutsGenerationsIntoTheBaseThenRemovesTheirSegments) {
  EXPECT_FALSE(flusher_->running());
  Start();
  EXPECT_TRUE(flusher_->running());
  EXPECT_FALSE(flusher_->Collect().has_value()) << "not done yet";
  EXPECT_EQ(base_.covered(), 0U);
  const Flusher::Outcome outcome = Finish();
  EXPECT_TRUE(outcome.flushed && outcome.removed);
  EXPECT_EQ(outcome.entries, 2U);
  EXPECT_EQ(outcome.took_us, 5);
  EXPECT_THAT(outcome.job.generations, ElementsAre(&generation_));
  EXPECT_EQ(base_.covered(), 70U);
  EXPECT_THAT(*disk_.List(), ElementsAre("3"));
  EXPECT_FALSE(flusher_->running());
  EXPECT_FALSE(flusher_->Collect().has_value()) << "an outcome is told once";
}

TEST_F(FlusherTest, AFlushThatFailsLeavesTheSegments) {
  base_.FailFlushes(Error::Kind::kNoSpace);
  Start();
  EXPECT_FALSE(Finish().flushed.has_value());
  EXPECT_THAT(*disk_.List(), ElementsAre("1", "2", "3"));
  EXPECT_EQ(disk_.calls(Call::kRemove), 0U);
}

TEST_F(FlusherTest, SegmentsGoOldestFirstAndOnlyOnceTheNewestOnesNameIsOnTheDisk) {
  disk_.Fail(Call::kSyncDirectory, {});
  Start();
  Flusher::Outcome outcome = Finish();
  EXPECT_TRUE(outcome.flushed && !outcome.removed);
  EXPECT_EQ(disk_.calls(Call::kRemove), 0U);
  disk_.Fail(Call::kRemove, {.after = 1});
  Start();
  outcome = Finish();
  EXPECT_TRUE(outcome.flushed && !outcome.removed);
  EXPECT_THAT(*disk_.List(), ElementsAre("2", "3")) << "no gap";
}

TEST_F(FlusherTest, SegmentsThatAreGoneAlreadyDoNotKeepTheOthers) {
  ASSERT_TRUE(disk_.Remove("1").has_value());
  Start();
  EXPECT_TRUE(Finish().removed.has_value());
  EXPECT_THAT(*disk_.List(), ElementsAre("3"));
}

}  // namespace
}  // namespace cartwheel::storage
