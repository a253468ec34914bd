#include "server/verify_picture.h"

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

TEST(VerifyPicture, AllAreTheSame) {
  EXPECT_EQ(VerifyPicture({.equal = 1024, .different = {}, .unknown = {}, .moving = {}}),
            "all owners of each of the 1024 partitions hold the same\n");
}

TEST(VerifyPicture, WhatIsNotIsListedWithWhatToDo) {
  EXPECT_EQ(VerifyPicture(
                {.equal = 1016, .different = {3, 7, 8, 9}, .unknown = {1023}, .moving = {0, 1, 5}}),
            "of 1024 partitions 1016 are the same at all their owners\n"
            "different: 3 7-9\n"
            "  CLUSTER REPAIR makes them equal, unless they are only being written to now\n"
            "not known: 1023\n"
            "  an owner was not reached, rebuilds, or still reads its records: ask again\n"
            "moving: 0-1 5\n"
            "  to other owners: ask again when they have\n");
}

}  // namespace
}  // namespace cartwheel::server
