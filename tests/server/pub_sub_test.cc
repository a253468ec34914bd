// SUBSCRIBE, PUBLISH and their relatives: what subscribers get, and in which shape and order.
#include "server/pub_sub.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "server/server.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string Confirmation(std::string_view what, std::string_view name, int count, char kind = '*') {
  return kind + std::string("3\r\n") + Bulk(what) + Bulk(name) + ":" + std::to_string(count) +
         "\r\n";
}

std::string Message(std::string_view channel, std::string_view text, char kind = '*') {
  return kind + std::string("3\r\n") + Bulk("message") + Bulk(channel) + Bulk(text);
}

std::string Match(std::string_view pattern, std::string_view channel, std::string_view text) {
  return "*4\r\n" + Bulk("pmessage") + Bulk(pattern) + Bulk(channel) + Bulk(text);
}

TEST(PubSub, ConfirmsEveryNameInTheOrderGiven) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "SUBSCRIBE b a b\r\n"), Confirmation("subscribe", "b", 1) +
                                                                Confirmation("subscribe", "a", 2) +
                                                                Confirmation("subscribe", "b", 2));
  EXPECT_EQ(redis.Exchange("alice", "PSUBSCRIBE x*\r\n"), Confirmation("psubscribe", "x*", 3));
  EXPECT_EQ(redis.Exchange("alice", "SSUBSCRIBE s\r\n"), Confirmation("ssubscribe", "s", 1));
  EXPECT_EQ(redis.Exchange("alice", "UNSUBSCRIBE none b\r\n"),
            Confirmation("unsubscribe", "none", 3) + Confirmation("unsubscribe", "b", 2));
  EXPECT_EQ(redis.Exchange("alice", "PUNSUBSCRIBE x*\r\n"), Confirmation("punsubscribe", "x*", 1));
}

TEST(PubSub, UnsubscribeWithoutNamesEndsAll) {
  ServerTester redis;
  redis.Exchange("alice", "SUBSCRIBE b a\r\nPSUBSCRIBE p\r\n");
  EXPECT_EQ(redis.Exchange("alice", "UNSUBSCRIBE\r\n"),
            Confirmation("unsubscribe", "a", 2) + Confirmation("unsubscribe", "b", 1));
  EXPECT_EQ(redis.Exchange("alice", "UNSUBSCRIBE\r\n"),
            "*3\r\n" + Bulk("unsubscribe") + "$-1\r\n:1\r\n");
  EXPECT_EQ(redis.Exchange("alice", "PUNSUBSCRIBE\r\n"), Confirmation("punsubscribe", "p", 0));
  EXPECT_EQ(redis.Exchange("alice", "HELLO 3\r\n").substr(0, 2), "%7");
  EXPECT_EQ(redis.Exchange("alice", "SUNSUBSCRIBE\r\n"),
            ">3\r\n" + Bulk("sunsubscribe") + "_\r\n:0\r\n");
}

TEST(PubSub, DeliversToChannelsThenPatterns) {
  ServerTester redis;
  redis.Exchange("alice", "PSUBSCRIBE n* *s\r\nSUBSCRIBE news\r\n");
  redis.Exchange("bob", "SUBSCRIBE news other\r\n");
  redis.Take("alice");
  redis.Take("bob");
  EXPECT_EQ(redis.Run("carol", "PUBLISH news hi"), "(integer) 4");
  EXPECT_EQ(redis.Take("alice"),
            Message("news", "hi") + Match("*s", "news", "hi") + Match("n*", "news", "hi"));
  EXPECT_EQ(redis.Take("bob"), Message("news", "hi"));
  EXPECT_EQ(redis.Run("carol", "PUBLISH nobody hi"), "(integer) 1");
  EXPECT_EQ(redis.Run("carol", "PUBLISH zzz hi"), "(integer) 0");
}

TEST(PubSub, ShardChannelsAreApart) {
  ServerTester redis;
  redis.Exchange("alice", "SSUBSCRIBE c\r\n");
  EXPECT_EQ(redis.Run("bob", "PUBLISH c m"), "(integer) 0");
  EXPECT_EQ(redis.Run("bob", "SPUBLISH c m"), "(integer) 1");
  EXPECT_EQ(redis.Take("alice"), "*3\r\n" + Bulk("smessage") + Bulk("c") + Bulk("m"));
}

TEST(PubSub, CarriesAnyBytesInTheSubscribersProtocol) {
  ServerTester redis;
  redis.Exchange("alice", "HELLO 3\r\nSUBSCRIBE c\r\n");
  redis.SendArgs("bob", {"PUBLISH", "c", std::string("\0\r\n\xff", 4)});
  EXPECT_EQ(redis.Take("alice"), Message("c", std::string_view("\0\r\n\xff", 4), '>'));
}

TEST(PubSub, InResp3AMessageToOneselfComesBeforeTheReply) {
  ServerTester redis;
  redis.Exchange("alice", "HELLO 3\r\nSUBSCRIBE c\r\n");
  EXPECT_EQ(redis.Exchange("alice", "PUBLISH c m\r\nPING\r\n"),
            Message("c", "m", '>') + ":1\r\n+PONG\r\n");
}

TEST(PubSub, PushesReachAClientThatWantsNoReplies) {
  ServerTester redis;
  redis.Exchange("alice", "HELLO 3\r\n");
  EXPECT_EQ(redis.Exchange("alice", "CLIENT REPLY OFF\r\nSUBSCRIBE c\r\nPUBLISH c m\r\nPING\r\n"),
            Confirmation("subscribe", "c", 1, '>') + Message("c", "m", '>'));
  redis.Run("bob", "PUBLISH c n");
  EXPECT_EQ(redis.Take("alice"), Message("c", "n", '>'));
  EXPECT_EQ(redis.Exchange("alice", "UNSUBSCRIBE c\r\nCLIENT REPLY ON\r\n"),
            Confirmation("unsubscribe", "c", 0, '>') + "+OK\r\n");
}

TEST(PubSub, ListsWhatIsSubscribedTo) {
  ServerTester redis;
  redis.Exchange("alice", "SUBSCRIBE b a\r\nPSUBSCRIBE p1 p2\r\nSSUBSCRIBE s\r\n");
  redis.Exchange("bob", "SUBSCRIBE a\r\nPSUBSCRIBE p1\r\n");
  EXPECT_EQ(redis.Exchange("carol", "PUBSUB CHANNELS\r\n"), "*2\r\n" + Bulk("a") + Bulk("b"));
  EXPECT_EQ(redis.Exchange("carol", "PUBSUB CHANNELS a*\r\n"), "*1\r\n" + Bulk("a"));
  EXPECT_EQ(redis.Exchange("carol", "PUBSUB CHANNELS \"\"\r\n"), "*0\r\n");
  EXPECT_EQ(redis.Exchange("carol", "PUBSUB NUMSUB a none\r\n"),
            "*4\r\n" + Bulk("a") + ":2\r\n" + Bulk("none") + ":0\r\n");
  EXPECT_EQ(redis.Exchange("carol", "PUBSUB NUMSUB\r\n"), "*0\r\n");
  EXPECT_EQ(redis.Run("carol", "PUBSUB NUMPAT"), "(integer) 2");
  EXPECT_EQ(redis.Exchange("carol", "PUBSUB SHARDCHANNELS\r\n"), "*1\r\n" + Bulk("s"));
  EXPECT_EQ(redis.Exchange("carol", "PUBSUB SHARDNUMSUB s\r\n"), "*2\r\n" + Bulk("s") + ":1\r\n");
  EXPECT_EQ(
      redis.Run("carol", "PUBSUB CHANNELS a b"),
      "(error) ERR unknown subcommand or wrong number of arguments for 'CHANNELS'. Try PUBSUB "
      "HELP.");
}

TEST(PubSub, OnlyWithoutAPatternIsTheEmptyChannelListed) {
  ServerTester redis;
  redis.Exchange("alice", "SUBSCRIBE \"\"\r\n");
  EXPECT_EQ(redis.Exchange("bob", "PUBSUB CHANNELS\r\n"), "*1\r\n" + Bulk(""));
  EXPECT_EQ(redis.Exchange("bob", "PUBSUB CHANNELS *\r\n"), "*0\r\n");
}

TEST(PubSub, AClientThatLeavesIsSubscribedToNothing) {
  ServerTester redis;
  redis.Exchange("alice", "SUBSCRIBE c\r\nPSUBSCRIBE c*\r\nSSUBSCRIBE c\r\n");
  redis.Disconnect("alice");
  EXPECT_EQ(redis.Run("bob", "PUBLISH c m"), "(integer) 0");
  EXPECT_EQ(redis.server().pub_sub().channel_count(), 0U);
  EXPECT_EQ(redis.server().pub_sub().pattern_count(), 0U);
  EXPECT_EQ(redis.server().pub_sub().shard_channel_count(), 0U);
}

// Within one pipeline too: nobody publishes to a client that was just killed.
TEST(PubSub, AKilledSubscriberIsGoneAtOnce) {
  ServerTester redis;
  redis.Exchange("alice", "SUBSCRIBE c\r\n");
  EXPECT_EQ(redis.Exchange("bob",
                           "CLIENT KILL TYPE pubsub\r\nPUBLISH c m\r\nPUBSUB NUMSUB c\r\n"
                           "CLIENT LIST ID 1\r\n"),
            ":1\r\n:0\r\n*2\r\n" + Bulk("c") + ":0\r\n$0\r\n\r\n");
  EXPECT_FALSE(redis.connected("alice"));
}

TEST(PubSub, NothingReachesAClientBehindItsQuit) {
  ServerTester redis;
  redis.Exchange("alice", "SUBSCRIBE c\r\n");
  redis.Receive("alice", "QUIT\r\n");
  redis.Receive("bob", "PUBLISH c m\r\n");
  redis.EndTurn();
  EXPECT_EQ(redis.Take("alice"), "+OK\r\n");
  EXPECT_EQ(redis.Take("bob"), ":0\r\n");
}

}  // namespace
}  // namespace cartwheel::server
