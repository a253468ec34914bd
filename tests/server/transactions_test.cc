// MULTI, EXEC, DISCARD, WATCH, UNWATCH, as redis-server 7.0 answers them.
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "server/server.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

constexpr std::string_view kAborted =
    "-EXECABORT Transaction discarded because of previous errors.\r\n";

TEST(Transactions, RunTheQueueInOrder) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nSET k v\r\nINCR n\r\nINCR k\r\nGET k\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n+OK\r\n:1\r\n"
            "-ERR value is not an integer or out of range\r\n$1\r\nv\r\n");
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nEXEC\r\n"), "+OK\r\n*0\r\n");
}

TEST(Transactions, RunWholeBetweenOtherClients) {
  ServerTester redis;
  redis.Exchange("alice", "MULTI\r\nINCR n\r\n");
  redis.Exchange("bob", "INCR n\r\n");
  redis.Exchange("alice", "INCR n\r\n");
  EXPECT_EQ(redis.Run("bob", "GET n"), "\"1\"");
  EXPECT_EQ(redis.Exchange("alice", "EXEC\r\n"), "*2\r\n:2\r\n:3\r\n");
}

TEST(Transactions, KeepTheirDatabase) {
  ServerTester redis;
  EXPECT_EQ(
      redis.Exchange("alice", "MULTI\r\nSELECT 1\r\nSET k one\r\nSELECT 0\r\nGET k\r\nEXEC\r\n"),
      "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n+OK\r\n+OK\r\n+OK\r\n$-1\r\n");
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nSELECT 1\r\nEXEC\r\nGET k\r\n"),
            "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$3\r\none\r\n");
}

TEST(Transactions, MisuseIsAnErrorThatHarmsNothing) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "EXEC\r\nDISCARD\r\n"),
            "-ERR EXEC without MULTI\r\n-ERR DISCARD without MULTI\r\n");
  EXPECT_EQ(
      redis.Exchange("alice", "MULTI\r\nMULTI\r\nWATCH k\r\nUNWATCH\r\nEXEC\r\n"),
      "+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n"
      "+QUEUED\r\n*1\r\n+OK\r\n");
}

TEST(Transactions, ARequestThatCannotBeQueuedAbortsExec) {
  ServerTester redis;
  for (std::string_view bad : {"GET", "NOSUCH", "CLIENT NOSUCH", "DISCARD now", "SAVE"}) {
    redis.Exchange("alice", "MULTI\r\nSET k v\r\n" + std::string(bad) + "\r\n");
    EXPECT_EQ(redis.Exchange("alice", "EXEC\r\nEXEC\r\n"),
              std::string(kAborted) + "-ERR EXEC without MULTI\r\n")
        << bad;
  }
  EXPECT_EQ(redis.Run("alice", "EXISTS k"), "(integer) 0");
}

TEST(Transactions, AnExecThatMayNotRunEndsTheTransaction) {
  ServerTester redis;
  constexpr std::string_view kBecause =
      "-EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' "
      "command\r\n";
  redis.Exchange("alice", "MULTI\r\nSET k v\r\n");
  EXPECT_EQ(redis.Exchange("alice", "EXEC now\r\nEXEC\r\nEXEC now\r\n"),
            std::string(kBecause) + "-ERR EXEC without MULTI\r\n" + std::string(kBecause));
  EXPECT_EQ(redis.Run("alice", "EXISTS k"), "(integer) 0");
}

TEST(Transactions, ClientInfoShowsHowManyCommandsAreQueuedOrRun) {
  ServerTester redis;
  EXPECT_NE(redis.Run("alice", "CLIENT INFO").find(" multi=-1 "), std::string::npos);
  redis.Exchange("alice", "MULTI\r\nPING\r\nCLIENT INFO\r\n");
  EXPECT_NE(redis.Run("bob", "CLIENT LIST").find(" multi=2 "), std::string::npos);
  EXPECT_NE(redis.Run("alice", "EXEC").find(" multi=2 "), std::string::npos);
}

TEST(Transactions, WhatFollowsAFailureIsAnsweredAndNotKept) {
  ServerTester redis;
  redis.Exchange("alice", "MULTI\r\nPING\r\nGET\r\n");
  EXPECT_EQ(redis.Run("alice", "PING"), "QUEUED");
  EXPECT_NE(redis.Run("bob", "CLIENT LIST").find(" multi=1 "), std::string::npos);
}

TEST(Transactions, DiscardForgetsQueueErrorsAndWatches) {
  ServerTester redis;
  redis.Exchange("alice", "WATCH k\r\nMULTI\r\nSET k v\r\nNOSUCH\r\n");
  EXPECT_EQ(redis.Run("alice", "DISCARD"), "OK");
  EXPECT_TRUE(redis.server().watches().empty());
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nPING\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n");
  EXPECT_EQ(redis.Run("alice", "EXISTS k"), "(integer) 0");
}

TEST(Transactions, QuitAndResetRunAtOnce) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nSET k v\r\nRESET\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n+RESET\r\n-ERR EXEC without MULTI\r\n");
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nSET k v\r\nQUIT\r\n"), "+OK\r\n+QUEUED\r\n+OK\r\n");
  EXPECT_FALSE(redis.connected("alice"));
  EXPECT_EQ(redis.Run("bob", "EXISTS k"), "(integer) 0");
}

TEST(Transactions, AClientThatLeavesTakesItsQueueAlong) {
  ServerTester redis;
  redis.Exchange("alice", "WATCH k\r\nMULTI\r\nSET k v\r\n");
  redis.Disconnect("alice");
  EXPECT_TRUE(redis.server().watches().empty());
  EXPECT_EQ(redis.Run("bob", "SET k w"), "OK");
}

TEST(Transactions, MaySubscribe) {
  ServerTester redis;
  EXPECT_EQ(
      redis.Exchange("alice", "MULTI\r\nSUBSCRIBE c\r\nPUBLISH c m\r\nGET k\r\nEXEC\r\n"),
      "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
      "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n:1\r\n$-1\r\n");
  EXPECT_EQ(redis.Exchange("bob", "MULTI\r\nSSUBSCRIBE c\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n*1\r\n-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n");
}

// --- WATCH

// What EXEC answers to alice, who watches k, after `line`.
std::string ExecAfter(std::string_view line,
                      std::string_view before = "SET k 1\r\nSET other 1\r\n") {
  ServerTester redis;
  redis.Exchange("alice", before);
  redis.Exchange("alice", "WATCH k\r\n");
  redis.Exchange("bob", std::string(line) + "\r\n");
  redis.Exchange("alice", "MULTI\r\nPING\r\n");
  return redis.Exchange("alice", "EXEC\r\n");
}

TEST(Watch, ExecFailsAfterAnyChangeOfTheKey) {
  for (std::string_view line : {"SET k 1",
                                "SET k 2",
                                "DEL k",
                                "APPEND k x",
                                "INCR k",
                                "EXPIRE k 100",
                                "RENAME k x",
                                "RENAME other k",
                                "COPY other k REPLACE",
                                "MOVE k 1",
                                "SETBIT k 1 1",
                                "MSET k 1",
                                "GETDEL k",
                                "FLUSHALL",
                                "FLUSHDB",
                                "BITOP NOT k other",
                                "SETRANGE k 0 x",
                                "GETEX k EX 9",
                                "SELECT 1\r\nFLUSHALL",
                                "MULTI\r\nDEL k\r\nEXEC"}) {
    EXPECT_EQ(ExecAfter(line), "*-1\r\n") << line;
  }
}

TEST(Watch, ExecRunsAfterWhatChangedNothing) {
  for (std::string_view line :
       {"GET k", "SET other 2", "DEL other", "PERSIST k", "SETNX k 2", "SET k 2 NX",
        "EXPIRE k 100 XX", "SELECT 1\r\nSET k 2", "SELECT 1\r\nFLUSHDB",
        "MULTI\r\nDEL k\r\nDISCARD", "INCR k x", "COPY other k", "EXPIRE none 100"}) {
    EXPECT_EQ(ExecAfter(line), "*1\r\n+PONG\r\n") << line;
  }
}

TEST(Watch, AnAbsentKeyChangesWhenItAppears) {
  EXPECT_EQ(ExecAfter("SET k 1", "PING\r\n"), "*-1\r\n");
  for (std::string_view line : {"DEL k", "FLUSHALL", "FLUSHDB", "PERSIST k"}) {
    EXPECT_EQ(ExecAfter(line, "PING\r\n"), "*1\r\n+PONG\r\n") << line;
  }
}

TEST(Watch, TheClientsOwnChangesCount) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "WATCH k\r\nSET k v\r\nMULTI\r\nEXEC\r\n"),
            "+OK\r\n+OK\r\n+OK\r\n*-1\r\n");
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nEXEC\r\n"), "+OK\r\n*0\r\n");
}

TEST(Watch, UnwatchForgets) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "WATCH k l\r\nSET k v\r\nUNWATCH\r\nMULTI\r\nEXEC\r\n"),
            "+OK\r\n+OK\r\n+OK\r\n+OK\r\n*0\r\n");
  EXPECT_TRUE(redis.server().watches().empty());
}

TEST(Watch, IsOfTheDatabaseItWasGivenIn) {
  ServerTester redis;
  redis.Exchange("alice", "WATCH k\r\nSELECT 1\r\n");
  redis.Exchange("bob", "SELECT 1\r\nSET k v\r\n");
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nEXEC\r\n"), "+OK\r\n*0\r\n");
  redis.Exchange("alice", "SELECT 0\r\nWATCH k\r\nSELECT 1\r\n");
  redis.Exchange("bob", "SELECT 0\r\nSET k v\r\n");
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nEXEC\r\n"), "+OK\r\n*-1\r\n");
}

TEST(Watch, ExpiryWhileWatchedIsAChange) {
  ServerTester redis;
  redis.Exchange("alice", "SET k v PX 1000\r\nWATCH k\r\nMULTI\r\nPING\r\n");
  redis.Advance(1'000'000);  // the key lives through its last millisecond
  redis.Exchange("bob", "SET e v PX 1000\r\nWATCH e\r\nMULTI\r\nPING\r\n");
  EXPECT_EQ(redis.Exchange("alice", "EXEC\r\n"), "*1\r\n+PONG\r\n");
  redis.Advance(1'001'000);
  EXPECT_EQ(redis.Exchange("bob", "EXEC\r\n"), "*-1\r\n");
}

TEST(Watch, AKeyThatHadExpiredBeforeIsJustAbsent) {
  ServerTester redis;
  redis.Run("alice", "DEBUG SLEEP 0");
  redis.Exchange("alice", "SET k v PX 1\r\n");
  redis.Advance(5'000);  // gone, but not reclaimed yet
  redis.Exchange("alice", "WATCH k\r\n");
  redis.Advance(1'000'000);
  redis.Exchange("bob", "DEL k\r\n");
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nPING\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n");
}

TEST(Watch, AnExpiryThatWasTakenAwayIsAChangeToo) {
  EXPECT_EQ(ExecAfter("PERSIST k", "SET k 1 EX 100\r\n"), "*-1\r\n");
  EXPECT_EQ(ExecAfter("EXPIRE k 200", "SET k 1 EX 100\r\n"), "*-1\r\n");
}

}  // namespace
}  // namespace cartwheel::server
