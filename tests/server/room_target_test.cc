#include "server/room_target.h"

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

constexpr uint64_t kLimit = 1000;

TEST(RoomTarget, NothingGoesBelowNineTenths) {
  RoomTarget target;
  EXPECT_EQ(target.BytesToGo(899, kLimit, 500, 0), 0);
  EXPECT_EQ(RoomTarget::StartOf(kLimit), 900U);
  EXPECT_EQ(RoomTarget::StartOf(UINT64_MAX), UINT64_MAX / 10 * 9 + 4);
}

TEST(RoomTarget, AboveThemAsMuchGoesAsComes) {
  RoomTarget target;
  EXPECT_EQ(target.BytesToGo(900, kLimit, 500, 0), 0);
  EXPECT_EQ(target.BytesToGo(950, kLimit, 570, 0), 70);
  EXPECT_EQ(target.BytesToGo(1100, kLimit, 480, 0), -20) << "room that came by itself";
  EXPECT_EQ(target.BytesToGo(890, kLimit, 600, 1), 0);
  EXPECT_EQ(target.BytesToGo(910, kLimit, 600, 1), 0) << "from here on";
}

TEST(RoomTarget, ShrinksByWhatAFlushLeavesAboveTheStart) {
  RoomTarget target;
  EXPECT_EQ(target.BytesToGo(1000, kLimit, 500, 3), 0 + 100) << "the first look is after a flush";
  EXPECT_EQ(target.BytesToGo(1000, kLimit, 500, 3), 100) << "once for each";
  EXPECT_EQ(target.BytesToGo(940, kLimit, 400, 4), 0) << "a little above is well";
  EXPECT_EQ(target.BytesToGo(960, kLimit, 400, 5), 60);
}

}  // namespace
}  // namespace cartwheel::server
