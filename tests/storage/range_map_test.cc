#include "storage/range_map.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::ElementsAre;

// As (begin, end, sequence).
std::vector<std::tuple<std::string, std::string, uint64_t>> All(const RangeMap& map) {
  std::vector<std::tuple<std::string, std::string, uint64_t>> all;
  for (const auto& [begin, range] : map.ranges())
    all.emplace_back(begin, range.end, range.sequence);
  return all;
}

using Covered = std::map<std::string, uint64_t>;  // key -> the last deletion

void Expect(const RangeMap& map, const std::vector<std::string>& keys, const Covered& covered) {
  for (const std::string& key : keys) {
    const auto* range = map.Covering(key);
    const auto expected = covered.find(key);
    ASSERT_EQ(range != nullptr, expected != covered.end()) << "key of " << key.size();
    if (range == nullptr) {
      ASSERT_FALSE(map.Hides(key, 0));
      continue;
    }
    ASSERT_EQ(range->second.sequence, expected->second);
    ASSERT_TRUE(InRange(key, range->first, range->second.end));
    ASSERT_TRUE(map.Hides(key, expected->second - 1));
    ASSERT_FALSE(map.Hides(key, expected->second)) << "its own state is not older";
  }
  std::string reached;
  bool open = false;
  for (const auto& [begin, end, sequence] : All(map)) {
    ASSERT_FALSE(open) << "something begins behind a range without an end";
    ASSERT_FALSE(KeyOrder()(begin, reached)) << "ranges overlap";
    ASSERT_FALSE(IsEmptyRange(begin, end));
    open = end.empty();
    reached = end;
  }
}

TEST(RangeMap, KnowsOfEachKeyTheLastRangeOverIt) {
  const std::vector<std::string> keys = FewKeys();
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    RangeMap whole;
    RangeMap earlier;  // to be merged
    RangeMap later;
    Covered covered;
    for (uint64_t sequence = 1; sequence <= 60; ++sequence) {
      const std::string begin = random.Below(10) == 0 ? "" : keys[random.Below(keys.size())];
      const std::string end = random.Below(20) == 0 ? "" : keys[random.Below(keys.size())];
      whole.Assign(begin, end, sequence);
      (sequence <= 30 ? earlier : later).Assign(begin, end, sequence);
      for (const std::string& key : keys) {
        if (InRange(key, begin, end)) covered[key] = sequence;
      }
      Expect(whole, keys, covered);
      if (HasFatalFailure()) return;
    }
    earlier.Merge(later);
    Expect(earlier, keys, covered);
  }
}

TEST(RangeMap, ARangeWithinAnotherCutsItInTwo) {
  RangeMap map;
  map.Assign("a", "z", 1);
  map.Assign("f", "h", 2);
  EXPECT_THAT(All(map), ElementsAre(std::tuple("a", "f", 1), std::tuple("f", "h", 2),
                                    std::tuple("h", "z", 1)));
}

TEST(RangeMap, ARangeTakesThePlaceOfAllThatItCovers) {
  RangeMap map;
  map.Assign("b", "c", 1);
  map.Assign("d", "e", 2);
  map.Assign("f", "", 3);
  map.Assign("a", "m", 4);
  EXPECT_THAT(All(map), ElementsAre(std::tuple("a", "m", 4), std::tuple("m", "", 3)));
  map.Assign("", "", 5);
  EXPECT_THAT(All(map), ElementsAre(std::tuple("", "", 5)));
  map.Assign("", "b", 6);
  EXPECT_THAT(All(map), ElementsAre(std::tuple("", "b", 6), std::tuple("b", "", 5)));
}

TEST(RangeMap, RangesThatTouchStayTwo) {
  RangeMap map;
  map.Assign("a", "b", 1);
  map.Assign("b", "c", 2);
  EXPECT_THAT(All(map), ElementsAre(std::tuple("a", "b", 1), std::tuple("b", "c", 2)));
  EXPECT_EQ(map.Covering("c"), nullptr) << "the end is not in it";
}

TEST(RangeMap, AnEmptyRangeDoesNothing) {
  RangeMap map;
  map.Assign("b", "b", 1);
  map.Assign("c", "b", 2);
  EXPECT_TRUE(map.empty());
}

}  // namespace
}  // namespace cartwheel::storage
