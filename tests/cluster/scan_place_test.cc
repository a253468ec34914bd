#include "cluster/scan_place.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

TEST(ScanPlace, APlaceFitsADouble) {
  EXPECT_EQ(kEndPlace, uint64_t{1} << 48);
  EXPECT_EQ(PlaceOf(kSlotCount - 1, ~uint64_t{0}), kEndPlace - 1);
}

TEST(ScanPlace, SlotAndLowestHashComeBack) {
  const uint64_t hash = 0xfedcba9876543210;
  const ScanPlace place = PlaceOf(12345, hash);
  EXPECT_EQ(SlotAt(place), 12345);
  EXPECT_EQ(HashAt(place), hash & ~uint64_t{0x3fffffff});
  EXPECT_EQ(PlaceOf(12345, HashAt(place)), place);
}

TEST(ScanPlace, PlacesStandInTheOrderOfStoreKeys) {
  EXPECT_LT(PlaceOf(1, ~uint64_t{0}), PlaceOf(2, 0));
  EXPECT_LT(PlaceOf(2, 0), PlaceOf(2, uint64_t{1} << 30));
  EXPECT_EQ(PlaceOf(2, 0), PlaceOf(2, (uint64_t{1} << 30) - 1));
}

TEST(ScanPlace, TheSlotAfterTheLastIsTheEnd) {
  EXPECT_EQ(PlaceOf(kSlotCount, 0), kEndPlace);
}

}  // namespace
}  // namespace cartwheel::cluster
