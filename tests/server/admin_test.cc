#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>

#include "server/file.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Admin, TimeIsTheTurnsTime) {
  ServerTester redis;
  redis.Advance(1'000'042);
  EXPECT_EQ(redis.Exchange("a", "TIME\r\n"), "*2\r\n$10\r\n1700000001\r\n$2\r\n42\r\n");
}

TEST(Admin, LastSaveIsTheLastFlush) {
  ServerTester redis{Config{}};
  EXPECT_EQ(redis.Run("a", "LASTSAVE"), "(integer) 1700000000");
  redis.Advance(5'000'000);
  redis.Run("a", "SET k v");
  EXPECT_EQ(redis.Run("a", "LASTSAVE"), "(integer) 1700000000");
  redis.engine().state.last_flush_unix_ms = 1'700'000'003'999;
  EXPECT_EQ(redis.Run("a", "LASTSAVE"), "(integer) 1700000003");
}

TEST(Admin, BackgroundSavesAreFlushesOneAtATime) {
  ServerTester redis{Config{}};
  redis.Advance(5'000'000);
  redis.engine().flushes_take_long = true;
  EXPECT_EQ(redis.Exchange("a", "SET k v\r\nBGSAVE\r\n"), "+OK\r\n+Background saving started\r\n");
  EXPECT_EQ(redis.engine().flushes_started, 1);
  EXPECT_EQ(redis.Run("a", "BGSAVE"), "(error) ERR Background save already in progress");
  EXPECT_EQ(redis.engine().flushes_started, 1);
  redis.engine().state.dirty_keys = 1;
  EXPECT_EQ(redis.Run("a", "BGSAVE SCHEDULE"), "Background saving scheduled");
  EXPECT_EQ(redis.Run("a", "BGREWRITEAOF"), "Background append only file rewriting scheduled");
  EXPECT_EQ(redis.engine().flushes_started, 3);
  redis.engine().flushes_take_long = false;
  redis.Advance(1'000'000);
  EXPECT_EQ(redis.Run("a", "LASTSAVE"), "(integer) 1700000005");
}

TEST(Admin, SaveFlushesWhatItsTurnCommitted) {
  ServerTester redis{Config{}};
  redis.Advance(5'000'000);
  EXPECT_EQ(redis.Exchange("a", "SET k v\r\nSAVE\r\nGET k\r\n"), "+OK\r\n+OK\r\n");
  EXPECT_EQ(redis.engine().flushes_waited_for, 1);
  redis.Advance(1);
  EXPECT_EQ(redis.Take("a"), "$1\r\nv\r\n");
  EXPECT_EQ(redis.Run("a", "LASTSAVE"), "(integer) 1700000005");
}

TEST(Admin, SeveralSavesOfATurnAreOne) {
  ServerTester redis{Config{}};
  redis.session("a");
  redis.session("b");
  redis.Receive("a", "SAVE\r\n");
  redis.Receive("b", "SAVE\r\n");
  redis.EndTurn();
  EXPECT_EQ(redis.Take("a") + redis.Take("b"), "+OK\r\n+OK\r\n");
  EXPECT_EQ(redis.engine().flushes_waited_for, 1);
}

TEST(Admin, SaveTellsWhenTheFlushFails) {
  ServerTester redis{Config{}};
  redis.engine().flush_fault = storage::Error{storage::Error::Kind::kNoSpace, "data.mdb: no room"};
  redis.Advance(5'000'000);
  EXPECT_EQ(redis.Run("a", "SAVE"),
            "(error) MISCONF the data directory failed and nothing was saved: data.mdb: no room");
  EXPECT_EQ(redis.Run("a", "LASTSAVE"), "(integer) 1700000000");
  EXPECT_EQ(redis.Run("a", "SHUTDOWN SAVE"), "(error) ERR Errors trying to SHUTDOWN. Check logs.");
  EXPECT_FALSE(redis.server().shutdown_requested());
  redis.Exchange("a", "SHUTDOWN SAVE FORCE\r\n");
  EXPECT_TRUE(redis.server().shutdown_requested());
}

TEST(Admin, OnlyShutdownSaveFlushes) {
  for (const auto& [line, flushes] :
       {std::pair{"SHUTDOWN", 0}, {"SHUTDOWN NOSAVE", 0}, {"SHUTDOWN SAVE", 1}}) {
    ServerTester redis{Config{}};
    redis.Exchange("a", std::string(line) + "\r\n");
    EXPECT_TRUE(redis.server().shutdown_requested()) << line;
    EXPECT_EQ(redis.engine().flushes_waited_for, flushes) << line;
  }
}

TEST(Admin, SaveKeepsQuietWhenToldTo) {
  ServerTester redis{Config{}};
  EXPECT_EQ(redis.Exchange("a", "CLIENT REPLY SKIP\r\nSAVE\r\nPING\r\n"), "");
  redis.Advance(1);
  EXPECT_EQ(redis.Take("a"), "+PONG\r\n");
  EXPECT_EQ(redis.engine().flushes_waited_for, 1);
}

// `printf 'SAVE\r\n' | nc`: the end of the input arrives in the same turn.
TEST(Admin, SaveOfAClientThatSendsNoMoreIsAnswered) {
  ServerTester redis{Config{}};
  redis.Receive("a", "SAVE\r\n");
  redis.EndInput("a");
  EXPECT_EQ(redis.Take("a"), "+OK\r\n");
  EXPECT_FALSE(redis.connected("a"));
}

// Backup scripts call BGSAVE and wait for LASTSAVE to move.
TEST(Admin, SavingMovesLastSaveOnEvenWithoutChanges) {
  ServerTester redis;
  redis.Advance(5'000'000);
  EXPECT_EQ(redis.Run("a", "BGSAVE"), "Background saving started");
  EXPECT_EQ(redis.Run("a", "LASTSAVE"), "(integer) 1700000005");
  redis.Advance(5'000'000);
  EXPECT_EQ(redis.Run("a", "SAVE"), "OK");
  EXPECT_EQ(redis.Run("a", "LASTSAVE"), "(integer) 1700000010");
}

TEST(Admin, SaveTellsWhenTheDiskFails) {
  ServerTester redis;
  redis.engine().FailCommits(storage::Error::Kind::kNoSpace);
  const std::string replies = redis.Exchange("a", "SET k v\r\nSAVE\r\n");
  EXPECT_THAT(replies, AllOf(StartsWith("-MISCONF "), HasSubstr("\r\n-MISCONF ")));
}

TEST(Admin, BackgroundCommandsAnswerAsRedis) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "BGSAVE schedule"), "Background saving started");
  EXPECT_EQ(redis.Run("a", "BGSAVE x"), "(error) ERR syntax error");
  EXPECT_EQ(redis.Run("a", "BGSAVE SCHEDULE x"), "(error) ERR syntax error");
  EXPECT_EQ(redis.Run("a", "BGREWRITEAOF"), "Background append only file rewriting started");
  redis.Exchange("a", "MULTI\r\nBGSAVE\r\nBGREWRITEAOF\r\n");
  EXPECT_EQ(redis.Exchange("a", "EXEC\r\n"),
            "*2\r\n+Background saving scheduled\r\n"
            "+Background append only file rewriting scheduled\r\n");
}

TEST(Admin, ShutdownAnswersNothing) {
  for (std::string_view line : {"SHUTDOWN", "SHUTDOWN NOSAVE", "shutdown save now force"}) {
    ServerTester redis;
    EXPECT_EQ(redis.Exchange("a", std::string(line) + "\r\n"), "");
    EXPECT_TRUE(redis.server().shutdown_requested());
  }
}

TEST(Admin, ShutdownRefusesWhatMakesNoSense) {
  ServerTester redis;
  for (std::string_view line : {"SHUTDOWN x", "SHUTDOWN SAVE NOSAVE", "SHUTDOWN ABORT NOW"}) {
    EXPECT_EQ(redis.Run("a", line), "(error) ERR syntax error");
  }
  EXPECT_EQ(redis.Run("a", "SHUTDOWN ABORT"), "(error) ERR No shutdown in progress.");
  EXPECT_FALSE(redis.server().shutdown_requested());
}

TEST(Admin, RoleIsAMasterWithoutReplicas) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "ROLE\r\n"), "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
}

TEST(Admin, WaitAnswersAfterItsTimeout) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "WAIT 0 0"), "(integer) 0");
  EXPECT_EQ(redis.Exchange("a", "WAIT 1 100\r\nPING\r\n"), "");
  EXPECT_EQ(redis.Run("b", "PING"), "PONG");
  redis.Advance(99'000);
  EXPECT_EQ(redis.Take("a"), "");
  redis.Advance(2'000);
  EXPECT_EQ(redis.Take("a"), ":0\r\n+PONG\r\n");
}

TEST(Admin, WaitForEverAndBeyondTheClock) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "WAIT 1 0\r\n"), "");
  EXPECT_EQ(redis.Exchange("b", "WAIT 1 9223372036854775807\r\n"), "");
  redis.Advance(10'000'000);
  EXPECT_EQ(redis.Take("a") + redis.Take("b"), "");
}

TEST(Admin, WaitChecksItsArguments) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "WAIT x 1"), "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(redis.Run("a", "WAIT 1 x"), "(error) ERR timeout is not an integer or out of range");
  EXPECT_EQ(redis.Run("a", "WAIT 0 -1"), "(error) ERR timeout is negative");
}

TEST(Admin, NothingWaitsInATransaction) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "MULTI\r\nWAIT 1 0\r\nMONITOR\r\nDEBUG SLEEP 1\r\nEXEC\r\n"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:0\r\n"
            "-ERR MONITOR isn't allowed for DENY BLOCKING client\r\n+OK\r\n");
  EXPECT_FALSE(redis.session("a").monitoring);
}

TEST(Admin, MonitorShowsCommandsOfOthers) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("m", "MONITOR"), "OK");
  redis.Run("a", "SET k 'a b'");
  EXPECT_EQ(redis.Take("m"), "+1700000000.000000 [0 127.0.0.1:50002] \"SET\" \"k\" \"a b\"\r\n");
  EXPECT_EQ(redis.Exchange("m", "MONITOR\r\n"), "");
  EXPECT_EQ(redis.Exchange("m", "PING\r\n"),
            "+PONG\r\n+1700000000.000000 [0 127.0.0.1:50001] \"PING\"\r\n");
}

TEST(Admin, MonitorShowsThePathOfAUnixSocket) {
  ServerTester redis;
  redis.Run("m", "MONITOR");
  redis.Connect(
      "u", {.address = "/tmp/x.sock:0", .local_address = "/tmp/x.sock:0", .unix_socket = true});
  redis.Run("u", "PING");
  EXPECT_EQ(redis.Take("m"), "+1700000000.000000 [0 unix:/tmp/x.sock] \"PING\"\r\n");
}

TEST(Admin, DebugSleepStopsEverybody) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "DEBUG SLEEP 0.5\r\n"), "");
  EXPECT_EQ(redis.Exchange("b", "PING\r\n"), "");
  redis.Advance(499'000);
  EXPECT_EQ(redis.Take("a") + redis.Take("b"), "");
  redis.Advance(2'000);
  EXPECT_EQ(redis.Take("a"), "+OK\r\n");
  EXPECT_EQ(redis.Take("b"), "+PONG\r\n");
}

TEST(Admin, DebugKnowsOnlySleep) {
  ServerTester redis;
  for (std::string_view no_time : {"0", "x", "-1", "nan"}) {
    EXPECT_EQ(redis.Run("a", "DEBUG SLEEP " + std::string(no_time)), "OK");
  }
  EXPECT_EQ(redis.Run("a", "DEBUG FOO"),
            "(error) ERR unknown subcommand or wrong number of arguments for 'FOO'. Try DEBUG "
            "HELP.");
  EXPECT_EQ(redis.Run("a", "DEBUG SLEEP"),
            "(error) ERR unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG "
            "HELP.");
}

TEST(Admin, FlushingScriptsHasNothingToDo) {
  ServerTester redis;
  for (std::string_view line : {"SCRIPT FLUSH", "SCRIPT FLUSH async", "FUNCTION FLUSH SYNC"}) {
    EXPECT_EQ(redis.Run("a", line), "OK");
  }
  EXPECT_EQ(redis.Run("a", "SCRIPT FLUSH x"),
            "(error) ERR SCRIPT FLUSH only support SYNC|ASYNC option");
  EXPECT_EQ(redis.Run("a", "FUNCTION FLUSH x"),
            "(error) ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
}

TEST(Admin, MemoryStatsHaveRedisNames) {
  ServerTester redis;
  redis.Run("a", "SET k v");
  const resp::Reply stats = redis.Send("a", "MEMORY STATS");
  ASSERT_EQ(stats.elements.size(), 36U);
  EXPECT_EQ(stats.elements[0].text, "peak.allocated");
  EXPECT_EQ(stats.elements[22].text, "keys.count");
  EXPECT_EQ(stats.elements[23].integer, 1);
  EXPECT_EQ(redis.Run("a", "MEMORY PURGE"), "OK");
  EXPECT_THAT(redis.Send("a", "MEMORY DOCTOR").text, HasSubstr(" for 1 keys, clients "));
}

TEST(Config, GetAnswersPairs) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "CONFIG GET maxclients\r\n"),
            "*2\r\n$10\r\nmaxclients\r\n$5\r\n10000\r\n");
  EXPECT_EQ(redis.Exchange("a", "CONFIG GET nope\r\n"), "*0\r\n");
  redis.Send("a", "HELLO 3");
  EXPECT_EQ(redis.Exchange("a", "CONFIG GET MaxClients\r\n"),
            "%1\r\n$10\r\nMaxClients\r\n$5\r\n10000\r\n");
}

TEST(Config, SetTakesEffectOrNothingDoes) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CONFIG SET timeout 7 slowlog-max-len 3"), "OK");
  EXPECT_EQ(redis.server().config().timeout, 7);
  EXPECT_EQ(redis.server().config().slowlog_max_len, 3U);
  EXPECT_EQ(redis.Run("a", "CONFIG SET timeout 8 nope 1"),
            "(error) ERR Unknown option or number of arguments for CONFIG SET - 'nope'");
  EXPECT_EQ(redis.Run("a", "CONFIG SET timeout 8 port"),
            "(error) ERR wrong number of arguments for 'config|set' command");
  EXPECT_EQ(redis.server().config().timeout, 7);
}

TEST(Config, MoreClientsNeedMoreFilesThanTheSystemHas) {
  ServerTester redis;
  EXPECT_THAT(redis.Run("a", "CONFIG SET timeout 3 maxclients 2000000000"),
              StartsWith("(error) ERR CONFIG SET failed (possibly related to argument "
                         "'maxclients') - The operating system is not able to handle the "
                         "specified number of clients, try with "));
  EXPECT_EQ(redis.server().config().maxclients, 10000);
  EXPECT_EQ(redis.server().config().timeout, 0);
}

TEST(Config, APasswordIsAskedOfNewClients) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CONFIG SET requirepass secret"), "OK");
  EXPECT_EQ(redis.Run("a", "PING"), "PONG");
  EXPECT_EQ(redis.Run("b", "PING"), "(error) NOAUTH Authentication required.");
  EXPECT_EQ(redis.Run("a", "CONFIG SET requirepass ''"), "OK");
  EXPECT_EQ(redis.Run("b", "PING"), "PONG");
}

TEST(Config, RewriteNeedsAFile) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CONFIG REWRITE"),
            "(error) ERR The server is running without a config file");
}

TEST(Config, RewriteKeepsTheFileAndChangesItsOptions) {
  std::string pattern = (std::filesystem::temp_directory_path() / "admin_test.XXXXXX").string();
  const std::filesystem::path directory = mkdtemp(pattern.data());
  Config config = ServerTester::InMemory();
  config.config_file = (directory / "cartwheel.conf").string();
  ASSERT_TRUE(ReplaceFile(config.config_file, "# ours\ntimeout 5\n"));
  config.timeout = 5;
  ServerTester redis(config);
  redis.Run("a", "CONFIG SET timeout 9");
  EXPECT_EQ(redis.Run("a", "CONFIG REWRITE"), "OK");
  EXPECT_THAT(ReadFile(config.config_file).value(), StartsWith("# ours\ntimeout 9\n"));
  std::filesystem::remove_all(directory);
  EXPECT_EQ(redis.Run("a", "CONFIG REWRITE"),
            "(error) ERR Rewriting config file: No such file or directory");
}

TEST(Config, ResetStatForgetsCounters) {
  ServerTester redis;
  redis.Run("a", "SET k v");
  redis.Run("a", "NOPE");
  EXPECT_EQ(redis.Run("a", "CONFIG RESETSTAT"), "OK");
  const Statistics& statistics = redis.server().statistics();
  EXPECT_EQ(statistics.total_commands_processed, 1U);
  EXPECT_EQ(statistics.total_error_replies, 0U);
  EXPECT_TRUE(statistics.errors.empty());
  EXPECT_EQ(statistics.commands[IndexOf(*FindCommand("set"))].calls, 0U);
  redis.Advance(200'000);
  EXPECT_GE(redis.server().ops_per_second(), 0);
  EXPECT_LT(redis.server().ops_per_second(), 100);
}

}  // namespace
}  // namespace cartwheel::server
