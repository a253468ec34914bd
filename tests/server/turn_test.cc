// Commit, then send: what clients are told when a turn's commit fails.
#include <initializer_list>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/server.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using Kind = storage::Error::Kind;

constexpr std::string_view kFailed =
    "-MISCONF the data directory failed and nothing of this command was kept: injected fault: the "
    "commit failed\r\n";
constexpr std::string_view kReadFailed =
    "-MISCONF the data directory failed and nothing of this command was kept: injected fault: the "
    "read failed\r\n";

std::string Times(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

// Connecting is a turn of its own.
void Connect(ServerTester& redis, std::initializer_list<std::string_view> clients) {
  for (std::string_view client : clients) redis.session(client);
}

TEST(Turn, NothingIsSentBeforeTheCommit) {
  ServerTester redis;
  Connect(redis, {"alice", "bob"});
  redis.Receive("alice", "SET k v\r\n");
  redis.Receive("bob", "GET k\r\n");
  EXPECT_EQ(redis.Take("alice") + redis.Take("bob"), "");
  redis.EndTurn();
  EXPECT_EQ(redis.Take("alice"), "+OK\r\n");
  EXPECT_EQ(redis.Take("bob"), "$1\r\nv\r\n");
  EXPECT_EQ(redis.server().statistics().commits, 1U);
}

TEST(Turn, AFullDiskTakesBackTheWriteAndWhatFollowsIt) {
  ServerTester redis;
  redis.Run("alice", "SET k old");
  redis.engine().FailCommits(Kind::kNoSpace);
  EXPECT_EQ(redis.Exchange("alice", "GET k\r\nPING\r\nSET k new\r\nGET k\r\nECHO x\r\nDBSIZE\r\n"),
            "$3\r\nold\r\n+PONG\r\n" + std::string(kFailed) + std::string(kFailed) + "$1\r\nx\r\n" +
                std::string(kFailed));
  EXPECT_EQ(redis.Exchange("alice", "GET k\r\nSET k newer\r\nGET k\r\n"),
            "$3\r\nold\r\n+OK\r\n$5\r\nnewer\r\n");
}

TEST(Turn, AFullDiskTakesBackWhatOthersReadOfTheTurn) {
  ServerTester redis;
  Connect(redis, {"early", "alice", "bob", "carol"});
  redis.engine().FailCommits(Kind::kNoSpace);
  redis.Receive("early", "GET k\r\n");
  redis.Receive("alice", "SET k v\r\nPING\r\n");
  redis.Receive("bob", "PING\r\nGET k\r\nSCAN 0\r\n");
  redis.Receive("carol", "PING\r\n");
  redis.EndTurn();
  EXPECT_EQ(redis.Take("early"), "$-1\r\n");
  EXPECT_EQ(redis.Take("alice"), std::string(kFailed) + "+PONG\r\n");
  EXPECT_EQ(redis.Take("bob"), "+PONG\r\n" + Times(kFailed, 2));
  EXPECT_EQ(redis.Take("carol"), "+PONG\r\n");
}

TEST(Turn, AWriteThatChangesNothingIsARead) {
  ServerTester redis;
  redis.Run("alice", "SET k v");
  redis.engine().FailCommits(Kind::kNoSpace);
  EXPECT_EQ(
      redis.Exchange("alice", "SETNX k w\r\nDEL none\r\nPERSIST k\r\nINCR n\r\nSETNX k w\r\n"),
      ":0\r\n:0\r\n:0\r\n" + Times(kFailed, 2));
}

TEST(Turn, AfterABrokenDiskEveryWriteFailsAndReadsGoOn) {
  ServerTester redis;
  redis.Run("alice", "SET k old");
  redis.engine().FailCommits(Kind::kIo);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(redis.Exchange("alice", "GET k\r\nPING\r\nSET k v\r\nGET k\r\n"),
              "$3\r\nold\r\n+PONG\r\n" + Times(kFailed, 2));
  }
  EXPECT_EQ(redis.Exchange("alice", "GET k\r\nCLIENT ID\r\n"), "$3\r\nold\r\n:1\r\n");
}

TEST(Turn, AFailedReadTakesBackEveryReplyAboutData) {
  ServerTester redis;
  Connect(redis, {"alice", "early"});
  redis.Run("alice", "SET k v");
  redis.Receive("early", "EXISTS k\r\n");
  redis.engine().FailGets(Kind::kIo);
  redis.Receive("alice", "GET k\r\nPING\r\n");
  redis.EndTurn();
  EXPECT_EQ(redis.Take("early"), kReadFailed);
  EXPECT_EQ(redis.Take("alice"), std::string(kReadFailed) + "+PONG\r\n");
  EXPECT_EQ(redis.Run("alice", "GET k"), "\"v\"");
}

TEST(Turn, ATransactionFailsAsOne) {
  ServerTester redis;
  redis.engine().FailCommits(Kind::kNoSpace);
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nPING\r\nSET k v\r\nGET k\r\nEXEC\r\nPING\r\n"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n" + std::string(kFailed) + "+PONG\r\n");
  EXPECT_EQ(redis.Exchange("alice", "EXEC\r\nEXISTS k\r\n"), "-ERR EXEC without MULTI\r\n:0\r\n");
}

TEST(Turn, ARefusedTransactionTakesNothingBack) {
  ServerTester redis;
  redis.engine().FailCommits(Kind::kNoSpace);
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nGET\r\nEXEC\r\nSET k v\r\n"),
            "+OK\r\n-ERR wrong number of arguments for 'get' command\r\n"
            "-EXECABORT Transaction discarded because of previous errors.\r\n" +
                std::string(kFailed));
}

TEST(Turn, MessagesAreNoRepliesAboutData) {
  ServerTester redis;
  Connect(redis, {"alice", "bob"});
  redis.Exchange("alice", "HELLO 3\r\nSUBSCRIBE c\r\n");
  redis.engine().FailCommits(Kind::kNoSpace);
  redis.Receive("alice", "SET k v\r\n");
  redis.Receive("bob", "PUBLISH c m\r\nSET k w\r\n");
  redis.Receive("alice", "SET k x\r\n");
  redis.EndTurn();
  EXPECT_EQ(redis.Take("alice"), std::string(kFailed) +
                                     ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n" +
                                     std::string(kFailed));
  EXPECT_EQ(redis.Take("bob"), ":1\r\n" + std::string(kFailed));
}

TEST(Turn, MessagesToOneselfStandInsideAFailedTransaction) {
  ServerTester redis;
  redis.Exchange("alice", "HELLO 3\r\nSUBSCRIBE c\r\n");
  redis.engine().FailCommits(Kind::kNoSpace);
  EXPECT_EQ(redis.Exchange("alice",
                           "MULTI\r\nSET k v\r\nPUBLISH c 1\r\nGET k\r\nPUBLISH c 2\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n" + std::string(kFailed) +
                ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n"
                ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n2\r\n");
}

TEST(Turn, NothingOfAFailedTurnIsKept) {
  ServerTester redis;
  redis.Exchange("alice", "SET a 1\r\nSET b 1 EX 100\r\nSELECT 1\r\nSET c 1\r\nSELECT 0\r\n");
  redis.engine().FailCommits(Kind::kNoSpace);
  redis.Exchange("alice", "SET d 1\r\nDEL a\r\nPERSIST b\r\nFLUSHALL\r\nSET e 1 EX 1\r\n");
  EXPECT_EQ(redis.Exchange("alice", "DBSIZE\r\nMGET a b d e\r\nTTL b\r\n"),
            ":2\r\n*4\r\n$1\r\n1\r\n$1\r\n1\r\n$-1\r\n$-1\r\n:100\r\n");
  EXPECT_EQ(redis.Exchange("alice", "SELECT 1\r\nDBSIZE\r\n"), "+OK\r\n:1\r\n");
  EXPECT_EQ(redis.server().store().counts(0).expires, 1U);
}

TEST(Turn, AFlushThatFailsIsNotAcknowledged) {
  ServerTester redis;
  redis.Run("alice", "SET k v");
  redis.engine().FailCommits(Kind::kNoSpace);
  EXPECT_EQ(redis.Exchange("alice", "FLUSHALL\r\n"), kFailed);
  EXPECT_EQ(redis.Run("alice", "GET k"), "\"v\"");
}

// Watchers cannot know what was true for them in the turn that is gone.
TEST(Turn, AFailedTurnFailsWatchers) {
  ServerTester redis;
  Connect(redis, {"before", "alice", "within"});
  redis.Exchange("before", "WATCH k\r\n");
  redis.engine().FailCommits(Kind::kNoSpace);
  redis.Receive("alice", "SET k v\r\n");
  redis.Receive("within", "WATCH k\r\n");
  redis.EndTurn();
  EXPECT_EQ(redis.Take("within"), "+OK\r\n");
  EXPECT_EQ(redis.Exchange("before", "MULTI\r\nEXEC\r\n"), "+OK\r\n*-1\r\n");
  EXPECT_EQ(redis.Exchange("within", "MULTI\r\nEXEC\r\n"), "+OK\r\n*-1\r\n");
}

TEST(Turn, SilentClientsStaySilent) {
  ServerTester redis;
  redis.Exchange("alice", "CLIENT REPLY OFF\r\n");
  redis.engine().FailCommits(Kind::kNoSpace);
  EXPECT_EQ(redis.Exchange("alice", "SET k v\r\nGET k\r\nCLIENT REPLY ON\r\nGET k\r\n"),
            "+OK\r\n" + std::string(kFailed));
}

TEST(Turn, ALeavingClientLearnsItToo) {
  ServerTester redis;
  redis.engine().FailCommits(Kind::kNoSpace);
  EXPECT_EQ(redis.Exchange("alice", "SET k v\r\nQUIT\r\n"), std::string(kFailed) + "+OK\r\n");
}

TEST(Turn, WhatAClientHasNotReadYetStands) {
  ServerTester redis;
  redis.StopReading("alice");
  redis.Exchange("alice", "SET k v\r\nGET k\r\n");
  redis.engine().FailCommits(Kind::kNoSpace);
  redis.Exchange("alice", "SET k w\r\nGET k\r\n");
  redis.ReadAgain("alice");
  EXPECT_EQ(redis.Take("alice"), "+OK\r\n$1\r\nv\r\n" + Times(kFailed, 2));
}

TEST(Turn, AFailedReclaimTakesNothingBack) {
  ServerTester redis;
  redis.Exchange("alice", "SET k v PX 10\r\nSET stays 1\r\n");
  redis.Receive("alice", "GET stays\r\n");
  redis.engine().FailCommits(Kind::kNoSpace);
  redis.Advance(100'000);
  EXPECT_EQ(redis.Take("alice"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.Run("alice", "GET k"), "(nil)");
  redis.Advance(1'000'000);
  EXPECT_EQ(redis.Run("alice", "DBSIZE"), "(integer) 1");
}

TEST(Turn, RemembersWhyTheLastCommitFailed) {
  ServerTester redis;
  Server& server = redis.server();
  redis.Run("alice", "SET k v");
  const int64_t committed_at = server.last_commit_at().unix_us;
  redis.Advance(1'000'000);
  redis.engine().FailCommits(Kind::kNoSpace, 2);
  redis.Exchange("alice", "SET k w\r\n");
  redis.Exchange("alice", "SET k w\r\nINCR n\r\n");
  EXPECT_EQ(server.commit_error(), "injected fault: the commit failed");
  EXPECT_EQ(server.last_commit_at().unix_us, committed_at);
  EXPECT_EQ(server.statistics().commit_failures, 2U);
  EXPECT_EQ(server.statistics().errors.at("MISCONF"), 3U);
  redis.Run("alice", "GET k");
  EXPECT_NE(server.commit_error(), "");
  redis.Run("alice", "SET k x");
  EXPECT_EQ(server.commit_error(), "");
  EXPECT_GT(server.last_commit_at().unix_us, committed_at);
}

}  // namespace
}  // namespace cartwheel::server
