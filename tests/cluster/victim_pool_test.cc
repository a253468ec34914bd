#include "cluster/victim_pool.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

std::string TakeAll(VictimPool& pool) {
  std::string keys;
  while (const auto victim = pool.Take()) keys += victim->store_key;
  return keys;
}

TEST(VictimPool, GivesTheColdestFirst) {
  VictimPool pool(8);
  pool.Offer("b", 5);
  pool.Offer("c", 1);
  pool.Offer("a", 9);
  EXPECT_EQ(TakeAll(pool), "abc");
  EXPECT_FALSE(pool.Take().has_value());
}

TEST(VictimPool, KeepsTheColdestOfMany) {
  VictimPool pool(3);
  for (const auto& [key, coldness] : {std::pair("a", 1), {"b", 7}, {"c", 3}, {"d", 9}, {"e", 2}}) {
    pool.Offer(key, coldness);
  }
  EXPECT_EQ(TakeAll(pool), "dbc");
}

TEST(VictimPool, HasAKeyOnce) {
  VictimPool pool(3);
  pool.Offer("a", 1);
  pool.Offer("b", 2);
  pool.Offer("a", 3);
  EXPECT_EQ(pool.size(), 2U);
  EXPECT_EQ(TakeAll(pool), "ab");
}

TEST(VictimPool, OfEqualsTheFirstGoesFirst) {
  VictimPool pool(4);
  for (const char* key : {"a", "b", "c"}) pool.Offer(key, 4);
  EXPECT_EQ(TakeAll(pool), "abc");
}

}  // namespace
}  // namespace cartwheel::cluster
