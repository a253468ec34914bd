#include "storage/sorted_runs.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "layer_testing.h"

namespace cartwheel::storage {
namespace {

class SortedRunsTest : public ::testing::Test {
 protected:
  void Add(std::string_view key) {
    entries_.push_back(owner_.New(key));
    runs_.Add(key, static_cast<uint32_t>(entries_.size() - 1), entries_);
  }
  // Keys that often share their first eight bytes or end within them.
  std::string RandomKey(uint64_t number) {
    std::string key(random_.Below(12), static_cast<char>(random_.Below(3)));
    return key + std::to_string(number);
  }
  void ExpectOrder() {
    runs_.SortTail(entries_);
    std::vector<std::string_view> expected;
    for (const Entry* entry : entries_) expected.push_back(entry->key());
    std::ranges::sort(expected, KeyOrder());
    std::vector<std::string_view> merged;
    for (const SortedRuns::Item& item : runs_.Merged(entries_)) {
      ASSERT_LT(item.ordinal, entries_.size());
      merged.push_back(entries_[item.ordinal]->key());
    }
    ASSERT_TRUE(merged == expected);
    for (const SortedRuns::Run& run : runs_.runs()) ASSERT_FALSE(run.empty());
  }

  Random random_{17};
  EntryOwner owner_;
  SortedRuns::Entries entries_;
  SortedRuns runs_;
};

TEST_F(SortedRunsTest, PrefixesStandAsTheirKeysDo) {
  std::vector<std::string> keys = FewKeys();
  for (uint64_t i = 0; i < 200; ++i) keys.push_back(RandomKey(i % 20));
  keys.emplace_back("\0", 1);
  keys.emplace_back("\xff\xff\xff\xff\xff\xff\xff\xff\xff");
  for (const std::string& a : keys) {
    for (const std::string& b : keys) {
      if (SortedRuns::PrefixOf(a) < SortedRuns::PrefixOf(b)) {
        ASSERT_TRUE(KeyOrder()(a, b));
      }
    }
  }
  EXPECT_EQ(SortedRuns::PrefixOf(""), 0U);
  EXPECT_EQ(SortedRuns::PrefixOf("a"), 0x61ULL << 56);
  EXPECT_EQ(SortedRuns::PrefixOf("12345678"), SortedRuns::PrefixOf("123456789"));
}

TEST_F(SortedRunsTest, AllItemsComeInTheOrderOfTheirKeys) {
  ExpectOrder();
  for (const std::string& key : FewKeys()) Add(key);
  ExpectOrder();
  for (uint64_t i = 0; i < 5000; ++i) {
    Add(RandomKey(i));
    if (random_.Below(500) == 0) ExpectOrder();
  }
  ExpectOrder();
}

TEST_F(SortedRunsTest, ALowerBoundIsTheFirstItemThatIsNotLess) {
  for (uint64_t i = 0; i < 3000; ++i) Add(RandomKey(i));
  runs_.SortTail(entries_);
  for (uint64_t i = 0; i < 500; ++i) {
    const std::string key = RandomKey(random_.Below(6000));
    for (const SortedRuns::Run& run : runs_.runs()) {
      const auto bound = SortedRuns::LowerBound(run, key, entries_);
      if (bound != run.begin()) {
        ASSERT_TRUE(KeyOrder()(entries_[std::prev(bound)->ordinal]->key(), key));
      }
      if (bound != run.end()) {
        ASSERT_FALSE(KeyOrder()(entries_[bound->ordinal]->key(), key));
      }
    }
  }
}

TEST_F(SortedRunsTest, TheNewestItemsCanBeTakenOutWhereverTheyAre) {
  uint64_t number = 0;
  for (const size_t size : {0U, 1U, 1023U, 1024U, 1500U, 5000U}) {
    for (const size_t more : {1U, 100U, 1023U, 1024U, 4000U}) {
      for (const bool sorted : {false, true}) {
        while (entries_.size() < size) Add(RandomKey(++number));
        for (size_t i = 0; i < more; ++i) Add(RandomKey(++number));
        if (sorted) runs_.SortTail(entries_);
        runs_.RemoveFrom(static_cast<uint32_t>(size), more);
        entries_.resize(size);
        ExpectOrder();
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST_F(SortedRunsTest, ManyKeysAreFewRunsOfABoundedSize) {
  constexpr uint64_t kKeys = 300'000;
  for (uint64_t i = 0; i < kKeys; ++i) Add(std::to_string(random_.Next()));
  runs_.SortTail(entries_);
  EXPECT_LE(runs_.runs().size(), kKeys / SortedRuns::kMaxRunItems + 8);
  for (const SortedRuns::Run& run : runs_.runs()) EXPECT_LE(run.size(), SortedRuns::kMaxRunItems);
}

}  // namespace
}  // namespace cartwheel::storage
