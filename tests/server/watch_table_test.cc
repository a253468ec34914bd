#include "server/watch_table.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

constexpr cluster::KeyRef kKey{0, "k"};
constexpr cluster::KeyRef kElsewhere{1, "k"};

struct WatchTableTest : testing::Test {
  WatchTable table;
  Session alice{1, {}, {}};
  Session bob{2, {}, {}};
};

TEST_F(WatchTableTest, TellsEveryWatcherOfTheKeyAndNobodyElse) {
  table.Watch(alice, kKey, cluster::kNoExpiry);
  table.Watch(bob, kElsewhere, cluster::kNoExpiry);
  table.Touch({0, "other"});
  EXPECT_FALSE(alice.watched_key_changed);
  table.Touch(kKey);
  EXPECT_TRUE(alice.watched_key_changed);
  EXPECT_FALSE(bob.watched_key_changed);
}

TEST_F(WatchTableTest, WatchingTwiceIsWatchingOnce) {
  table.Watch(alice, kKey, 100);
  table.Watch(alice, kKey, 200);
  ASSERT_EQ(alice.watched.size(), 1U);
  EXPECT_EQ(alice.watched[0].expire_at, 100U);
  table.UnwatchAll(alice);
  EXPECT_TRUE(table.empty());
}

TEST_F(WatchTableTest, UnwatchForgetsTheChangeToo) {
  table.Watch(alice, kKey, cluster::kNoExpiry);
  table.Watch(alice, kElsewhere, cluster::kNoExpiry);
  table.Watch(bob, kKey, cluster::kNoExpiry);
  table.Touch(kKey);
  table.UnwatchAll(alice);
  EXPECT_FALSE(alice.watched_key_changed);
  EXPECT_TRUE(alice.watched.empty());
  EXPECT_FALSE(table.empty());
  table.Touch(kKey);
  EXPECT_FALSE(alice.watched_key_changed);
  EXPECT_TRUE(bob.watched_key_changed);
  table.UnwatchAll(bob);
  EXPECT_TRUE(table.empty());
}

TEST_F(WatchTableTest, TouchIfAsksOnceForEveryWatchedKeyInOrder) {
  table.Watch(alice, {1, "b"}, cluster::kNoExpiry);
  table.Watch(alice, {0, "c"}, cluster::kNoExpiry);
  table.Watch(bob, {0, "a"}, cluster::kNoExpiry);
  table.Watch(bob, {0, "c"}, cluster::kNoExpiry);
  std::vector<std::string> asked;
  table.TouchIf([&](const cluster::KeyRef& ref) {
    asked.push_back(std::to_string(ref.database) + std::string(ref.key));
    return ref.key == "b";
  });
  EXPECT_EQ(asked, (std::vector<std::string>{"0a", "0c", "1b"}));
  EXPECT_TRUE(alice.watched_key_changed);
  EXPECT_FALSE(bob.watched_key_changed);
}

}  // namespace
}  // namespace cartwheel::server
