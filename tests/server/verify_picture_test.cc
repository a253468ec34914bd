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

TEST(VerifyPicture, KeysAreNamedWithWhoHasThem) {
  const auto node = [](uint64_t id) { return cluster::NodeId{id}; };
  cluster::DifferingKeys::Result keys;
  keys.keys = {{.partition = 3,
                .database = 0,
                .key = "k\n1",
                .at = {{node(1), 7}, {node(2), 7}, {node(3), 0}}},
               {.partition = 3,
                .database = 2,
                .key = "k2",
                .at = {{node(1), 8}, {node(2), 7}, {node(3), 7}}}};
  keys.unknown = {9};
  keys.more = true;
  EXPECT_EQ(
      VerifyPicture({.equal = 1021, .different = {3, 8, 9}, .unknown = {}, .moving = {}}, keys),
      "of 1024 partitions 1021 are the same at all their owners\n"
      "different: 3 8-9\n"
      "  CLUSTER REPAIR makes them equal, unless they are only being written to now\n"
      "keys that differ:\n"
      "  \"k\\n1\" (database 0, partition 3): nodes 1 2 hold it, node 3 nothing\n"
      "  \"k2\" (database 2, partition 3): nodes 2 3 hold one thing, node 1 another\n"
      "  and more, which are not looked for\n"
      "keys not known: 9\n"
      "  an owner did not tell which: ask again\n");
}

}  // namespace
}  // namespace cartwheel::server
