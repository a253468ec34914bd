#include "cluster/levels.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

TEST(Levels, TheDefaultIsThreeCopiesOfWhichTwoAreReadAndWritten) {
  const Levels levels;
  EXPECT_EQ(levels, (Levels{.n = 3, .r = 2, .w = 2, .pr = 0, .pw = 0, .dw = 0}));
  EXPECT_TRUE(Validate(levels).has_value());
  EXPECT_GT(levels.r + levels.w, levels.n);
}

TEST(Levels, WhatIsWrongIsSaidInAClientsWords) {
  EXPECT_EQ(Validate({.w = 4}).error(), "W must be between 1 and N=3, not 4");
  EXPECT_EQ(Validate({.w = 0}).error(), "W must be between 1 and N=3, not 0");
  EXPECT_EQ(Validate({.r = 0}).error(), "R must be between 1 and N=3, not 0");
  EXPECT_EQ(Validate({.pr = 4}).error(), "PR must be between 0 and N=3, not 4");
  EXPECT_EQ(Validate({.pw = 9}).error(), "PW must be between 0 and N=3, not 9");
  EXPECT_EQ(Validate({.n = 2, .dw = 3}).error(), "DW must be between 0 and N=2, not 3");
  EXPECT_EQ(Validate({.n = 0}).error(), "N must be between 1 and 7, not 0");
  EXPECT_EQ(Validate({.n = 8}).error(), "N must be between 1 and 7, not 8");
}

TEST(Levels, EveryLevelFromItsLeastToNIsValid) {
  for (uint8_t n = 1; n <= kMaxCopies; ++n) {
    EXPECT_TRUE(Validate({.n = n, .r = 1, .w = 1}).has_value());
    EXPECT_TRUE(Validate({.n = n, .r = n, .w = n, .pr = n, .pw = n, .dw = n}).has_value());
  }
}

TEST(Levels, ANodeAloneInItsClusterIsAskedForOneCopy) {
  EXPECT_EQ((Levels{.pr = 2, .pw = 3, .dw = 1}.Over(1)),
            (Levels{.n = 1, .r = 1, .w = 1, .pr = 1, .pw = 1, .dw = 1}));
}

TEST(Levels, MoreMembersThanNChangeNothing) {
  EXPECT_EQ(Levels{}.Over(3), Levels{});
  EXPECT_EQ(Levels{}.Over(100), Levels{});
}

}  // namespace
}  // namespace cartwheel::cluster
