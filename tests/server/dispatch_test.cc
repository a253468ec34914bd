// The checks every request passes, in Redis's order and words, and what a call leaves behind.
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/server.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kOom = "-OOM command not allowed when used memory > 'maxmemory'.\r\n";

std::string Unknown(std::string_view name, std::string_view shown) {
  return "-ERR unknown command '" + std::string(name) +
         "', with args beginning with: " + std::string(shown) + "\r\n";
}

TEST(Dispatch, NamesAnUnknownCommandAndTheStartOfItsArguments) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "NoSuch\r\n"), Unknown("NoSuch", ""));
  EXPECT_EQ(redis.Exchange("alice", "foo 'a b' \"x\\r\\ny\"\r\n"), Unknown("foo", "'a b' 'x  y' "));
  const std::string a124(124, 'a');
  EXPECT_EQ(redis.Exchange("alice", "foo " + a124 + " bcd x\r\n"),
            Unknown("foo", "'" + a124 + "' 'b' "));
  EXPECT_EQ(redis.Exchange("alice", "foo " + a124 + "a bcd\r\n"),
            Unknown("foo", "'" + a124 + "a' "));
  EXPECT_EQ(redis.Exchange("alice", "foo " + std::string(200, 'a') + "\r\n"),
            Unknown("foo", "'" + std::string(128, 'a') + "' "));
  EXPECT_EQ(redis.Exchange("alice", std::string(200, 'f') + " x\r\n"),
            Unknown(std::string(128, 'f'), "'x' "));
}

TEST(Dispatch, ShowsTheClientsWordsUpToANul) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "\"G\\x00T\" \"\\x00\" \"b\\x00c\" d\r\n"),
            Unknown("G", "'' 'b' 'd' "));
  EXPECT_EQ(redis.Run("alice", "CLIENT \"ab\\x00c\""),
            "(error) ERR unknown subcommand 'ab'. Try CLIENT HELP.");
  EXPECT_EQ(redis.Run("alice", "EXPIRE k 1 \"N\\x00\""), "(error) ERR Unsupported option N");
}

TEST(Dispatch, NamesAnUnknownSubcommandAndItsHelp) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("alice", "client foo"),
            "(error) ERR unknown subcommand 'foo'. Try CLIENT HELP.");
  EXPECT_EQ(redis.Run("alice", "COMMAND foo"),
            "(error) ERR unknown subcommand 'foo'. Try COMMAND HELP.");
  EXPECT_EQ(redis.Run("alice", "CLIENT " + std::string(200, 'x')),
            "(error) ERR unknown subcommand '" + std::string(128, 'x') + "'. Try CLIENT HELP.");
}

TEST(Dispatch, ArityErrorsNameTheCommandInLowerCase) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("alice", "GET"), "(error) ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(redis.Run("alice", "GET a b"),
            "(error) ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(redis.Run("alice", "CLIENT"),
            "(error) ERR wrong number of arguments for 'client' command");
  EXPECT_EQ(redis.Run("alice", "Client Id x"),
            "(error) ERR wrong number of arguments for 'client|id' command");
}

TEST(Dispatch, AsksForThePasswordAfterExistenceAndArity) {
  Config config = ServerTester::InMemory();
  config.requirepass = "secret";
  ServerTester redis(config);
  EXPECT_THAT(redis.Run("alice", "NOSUCH"), HasSubstr("unknown command"));
  EXPECT_THAT(redis.Run("alice", "GET"), HasSubstr("wrong number of arguments"));
  for (std::string_view line : {"GET k", "PING", "MULTI", "CLIENT ID", "SUBSCRIBE c", "COMMAND"}) {
    EXPECT_EQ(redis.Run("alice", line), "(error) NOAUTH Authentication required.") << line;
  }
  EXPECT_EQ(redis.Run("alice", "AUTH secret"), "OK");
  EXPECT_EQ(redis.Run("alice", "PING"), "PONG");
}

// --- Memory

class OutOfMemory : public testing::Test {
 protected:
  OutOfMemory() {
    redis.Run("alice", "SET k v");
    redis.Run("alice", "CONFIG SET maxmemory 1");
  }
  ServerTester redis;
};

TEST_F(OutOfMemory, RefusesCommandsThatNeedMemory) {
  for (std::string_view line : {"SET k w", "APPEND k w", "SETBIT k 9 1", "MSET a 1"}) {
    EXPECT_EQ(redis.Exchange("alice", std::string(line) + "\r\n"), kOom) << line;
  }
  EXPECT_EQ(redis.Run("alice", "GET k"), "\"v\"");
  EXPECT_EQ(redis.Run("alice", "EXPIRE k 100"), "(integer) 1");
  EXPECT_EQ(redis.Run("alice", "DEL k"), "(integer) 1");
}

TEST_F(OutOfMemory, ATransactionMayOnlyEnd) {
  redis.Run("alice", "MULTI");
  for (std::string_view line : {"GET k", "PING", "UNWATCH"}) {
    EXPECT_EQ(redis.Exchange("alice", std::string(line) + "\r\n"), kOom) << line;
  }
  EXPECT_EQ(redis.Run("alice", "EXEC"),
            "(error) EXECABORT Transaction discarded because of previous errors.");
  redis.Run("alice", "MULTI");
  EXPECT_EQ(redis.Run("alice", "DISCARD"), "OK");
}

TEST_F(OutOfMemory, AQueueThatNeedsMemoryIsDropped) {
  redis.Run("alice", "CONFIG SET maxmemory 0");
  redis.Exchange("alice", "MULTI\r\nSET k w\r\n");
  redis.Exchange("bob", "MULTI\r\nGET k\r\n");
  redis.Run("admin", "CONFIG SET maxmemory 1");
  EXPECT_EQ(redis.Run("alice", "EXEC"),
            "(error) EXECABORT Transaction discarded because of: OOM command not allowed when used "
            "memory > 'maxmemory'.");
  EXPECT_EQ(redis.Run("alice", "EXEC"), "(error) ERR EXEC without MULTI");
  EXPECT_EQ(redis.Run("bob", "EXEC"), "1) \"v\"");
}

// --- States of the client

TEST(Dispatch, ASubscriberInResp2MayDoLittle) {
  ServerTester redis;
  redis.Exchange("alice", "SUBSCRIBE c\r\n");
  for (std::string_view name : {"get", "client|id", "multi", "publish"}) {
    std::string line(name);
    if (name == "get") line = "GET k";
    if (name == "client|id") line = "Client ID";
    if (name == "publish") line = "PUBLISH c m";
    EXPECT_EQ(redis.Run("alice", line),
              "(error) ERR Can't execute '" + std::string(name) +
                  "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
                  "this context")
        << line;
  }
  EXPECT_EQ(redis.Exchange("alice", "PING\r\n"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  redis.Exchange("alice", "UNSUBSCRIBE\r\n");
  EXPECT_EQ(redis.Run("alice", "GET k"), "(nil)");
}

TEST(Dispatch, ASubscriberInResp3MayDoEverything) {
  ServerTester redis;
  redis.Exchange("alice", "HELLO 3\r\nSUBSCRIBE c\r\n");
  EXPECT_EQ(redis.Exchange("alice", "PING\r\nGET k\r\n"), "+PONG\r\n_\r\n");
}

TEST(Dispatch, AMonitorMayNotTouchKeys) {
  ServerTester redis;
  redis.Exchange("alice", "MONITOR\r\n");
  for (std::string_view line : {"GET k", "SET k v", "DBSIZE", "PUBLISH c m"}) {
    EXPECT_EQ(redis.Run("alice", line), "(error) ERR Replica can't interact with the keyspace")
        << line;
  }
  redis.Exchange("alice", "RESET\r\n");
  EXPECT_EQ(redis.Run("alice", "SET k v"), "OK");
}

TEST(Dispatch, SomeCommandsAreRefusedInATransaction) {
  ServerTester redis;
  redis.Run("alice", "MULTI");
  for (std::string_view line : {"SAVE", "SHUTDOWN"}) {
    EXPECT_EQ(redis.Run("alice", line), "(error) ERR Command not allowed inside a transaction");
  }
  EXPECT_EQ(redis.Run("alice", "EXEC"),
            "(error) EXECABORT Transaction discarded because of previous errors.");
}

TEST(Dispatch, TheLastCommandIsTheLastRequest) {
  ServerTester redis;
  const Session& alice = redis.session("alice");
  EXPECT_EQ(alice.last_command, nullptr);
  redis.Run("alice", "GET");
  EXPECT_EQ(alice.last_command->name, "get");
  redis.Exchange("alice", "MULTI\r\nINCR n\r\n");
  EXPECT_EQ(alice.last_command->name, "incr");
  redis.Run("alice", "EXEC");
  EXPECT_EQ(alice.last_command->name, "exec");
  redis.Run("alice", "CLIENT ID");
  EXPECT_EQ(alice.last_command->name, "client|id");
  redis.Run("alice", "NOSUCH");
  EXPECT_EQ(alice.last_command, nullptr);
}

// --- Held back

TEST(Dispatch, APauseHoldsWritesAlsoWhileTheyAreQueued) {
  ServerTester redis;
  redis.Exchange("transaction", "MULTI\r\n");
  redis.Run("admin", "CLIENT PAUSE 1000 WRITE");
  EXPECT_EQ(redis.Exchange("transaction", "GET k\r\nSET k v\r\nPING\r\n"), "+QUEUED\r\n");
  EXPECT_EQ(redis.Exchange("publisher", "PUBLISH c m\r\n"), "");
  EXPECT_THAT(redis.Run("reader", "CLIENT LIST"), HasSubstr(" flags=b "));
  EXPECT_EQ(redis.Run("reader", "GET k"), "(nil)");
  EXPECT_THAT(redis.Run("reader", "SET k"), HasSubstr("wrong number"));
  redis.Advance(999'000);
  EXPECT_EQ(redis.Take("transaction"), "");
  redis.Advance(1'000);
  EXPECT_EQ(redis.Take("transaction"), "+QUEUED\r\n+QUEUED\r\n");
  EXPECT_EQ(redis.Take("publisher"), ":0\r\n");
}

TEST(Dispatch, APauseHoldsAnExecThatWrites) {
  ServerTester redis;
  redis.Exchange("writer", "MULTI\r\nINCR n\r\n");
  redis.Exchange("reader", "MULTI\r\nGET n\r\n");
  redis.Run("admin", "CLIENT PAUSE 1000 WRITE");
  EXPECT_EQ(redis.Exchange("writer", "EXEC\r\n"), "");
  EXPECT_EQ(redis.Exchange("reader", "EXEC\r\n"), "*1\r\n$-1\r\n");
  redis.Run("admin", "CLIENT UNPAUSE");
  redis.Advance(1);
  EXPECT_EQ(redis.Take("writer"), "*1\r\n:1\r\n");
}

TEST(Dispatch, HeldBackRequestsRunInTheOrderTheyCame) {
  ServerTester redis;
  for (std::string_view client : {"a", "b", "c", "d"}) redis.session(client);
  redis.Run("admin", "CLIENT PAUSE 1000 WRITE");
  for (std::string_view client : {"c", "a", "d", "b"}) {
    redis.Exchange(client, "APPEND log " + std::string(client) + "\r\nAPPEND log " +
                               std::string(client) + "\r\n");
  }
  redis.Exchange("e", "WAIT 1 100\r\n");
  redis.Advance(500'000);  // wakes for the WAIT, which changes nobody's place
  EXPECT_EQ(redis.Take("e"), ":0\r\n");
  redis.Advance(500'000);
  EXPECT_EQ(redis.Run("admin", "GET log"), "\"ccaaddbb\"");
}

TEST(Dispatch, APauseIsOnlyEverExtended) {
  ServerTester redis;
  redis.Run("admin", "CLIENT PAUSE 1000 WRITE");
  redis.Run("admin", "CLIENT PAUSE 10 WRITE");
  redis.Exchange("alice", "INCR n\r\n");
  redis.Advance(990'000);
  EXPECT_EQ(redis.Take("alice"), "");
  redis.Advance(10'000);
  EXPECT_EQ(redis.Take("alice"), ":1\r\n");
}

TEST(Dispatch, AHeldBackClientMayLeave) {
  ServerTester redis;
  redis.Run("admin", "CLIENT PAUSE 1000 WRITE");
  redis.Exchange("gone", "INCR n\r\n");
  redis.Exchange("waiter", "WAIT 1 500\r\n");
  redis.Exchange("killed", "INCR n\r\n");
  redis.Disconnect("gone");
  redis.Disconnect("waiter");
  redis.Run("admin", "CLIENT KILL ID 4");
  EXPECT_FALSE(redis.connected("killed"));
  redis.Advance(2'000'000);
  EXPECT_EQ(redis.Run("admin", "EXISTS n"), "(integer) 0");
}

TEST(Dispatch, AWaiterAnswersDuringAPauseButGoesOnAfterIt) {
  ServerTester redis;
  redis.Exchange("alice", "WAIT 1 100\r\nINCR n\r\n");
  redis.Run("admin", "CLIENT PAUSE 1000");
  redis.Advance(200'000);
  EXPECT_EQ(redis.Take("alice"), ":0\r\n");
  redis.Advance(800'000);
  EXPECT_EQ(redis.Take("alice"), ":1\r\n");
}

TEST(Dispatch, SleepStallsEverybodyAndEndsOnTime) {
  ServerTester redis;
  redis.Exchange("waiter", "WAIT 1 100\r\n");
  redis.Run("admin", "CLIENT PAUSE 10000 WRITE");
  redis.Exchange("sleeper", "DEBUG SLEEP 1\r\nPING\r\n");
  redis.Exchange("reader", "GET k\r\n");
  redis.Exchange("writer", "INCR n\r\n");
  redis.Disconnect("sleeper");  // the others go on in time all the same
  redis.Advance(999'000);
  EXPECT_EQ(redis.Take("reader") + redis.Take("waiter"), "");
  redis.Advance(1'000);
  EXPECT_EQ(redis.Take("reader"), "$-1\r\n");
  EXPECT_EQ(redis.Take("waiter"), ":0\r\n");
  EXPECT_EQ(redis.Take("writer"), "");
  redis.Advance(9'000'000);
  EXPECT_EQ(redis.Take("writer"), ":1\r\n");
}

TEST(Dispatch, SleepInATransactionStallsWhoComesNext) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\nDEBUG SLEEP 1\r\nINCR n\r\nEXEC\r\nGET n\r\n"),
            "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n:1\r\n");
  redis.Advance(1'000'000);
  EXPECT_EQ(redis.Take("alice"), "$1\r\n1\r\n");
}

// --- MONITOR

class Monitored : public testing::Test {
 protected:
  Monitored() { redis.Exchange("monitor", "MONITOR\r\n"); }
  // What the monitor has seen, without times.
  std::string Seen() {
    std::string lines;
    const std::string bytes = redis.Take("monitor");
    for (size_t at = 0; at < bytes.size(); at = bytes.find('\n', at) + 1) {
      const size_t bracket = bytes.find('[', at);
      lines += bytes.substr(bracket, bytes.find('\r', bracket) - bracket) + '\n';
    }
    return lines;
  }
  ServerTester redis;
};

TEST_F(Monitored, ShowsTheTransactionInTheOrderItRan) {
  redis.Exchange("alice", "SELECT 2\r\nMULTI\r\nSET k v\r\nPUBLISH c m\r\nEXEC\r\nEXEC\r\n");
  EXPECT_EQ(Seen(),
            "[2 127.0.0.1:50002] \"SELECT\" \"2\"\n"
            "[2 127.0.0.1:50002] \"MULTI\"\n"
            "[2 127.0.0.1:50002] \"SET\" \"k\" \"v\"\n"
            "[2 127.0.0.1:50002] \"PUBLISH\" \"c\" \"m\"\n"
            "[2 127.0.0.1:50002] \"EXEC\"\n"
            "[2 127.0.0.1:50002] \"EXEC\"\n");
}

TEST_F(Monitored, ShowsNothingOfRefusedCommandsButExec) {
  redis.Exchange("alice", "GET\r\nNOSUCH\r\nMULTI\r\nGET\r\nEXEC now\r\nCONFIG GET port\r\n");
  EXPECT_EQ(Seen(),
            "[0 127.0.0.1:50002] \"MULTI\"\n"
            "[0 127.0.0.1:50002] \"EXEC\" \"now\"\n");
}

TEST_F(Monitored, QuotesBytesAndHidesPasswords) {
  redis.Exchange("alice", "ECHO \"a\\x00\\n\\r\\t\\a\\b\\\"\\\\\\xff\"\r\n");
  redis.Exchange("alice", "AUTH foo bar\r\nHELLO 2 AUTH default bar SETNAME x\r\n");
  EXPECT_EQ(Seen(),
            "[0 127.0.0.1:50002] \"ECHO\" \"a\\x00\\n\\r\\t\\a\\b\\\"\\\\\\xff\"\n"
            "[0 127.0.0.1:50002] \"AUTH\" \"(redacted)\" \"(redacted)\"\n"
            "[0 127.0.0.1:50002] \"HELLO\" \"2\" \"AUTH\" \"(redacted)\" \"(redacted)\" "
            "\"SETNAME\" \"x\"\n");
}

TEST_F(Monitored, ASilentOrLeavingMonitorSeesNothing) {
  redis.Exchange("monitor", "CLIENT REPLY OFF\r\n");
  redis.Run("alice", "PING");
  EXPECT_EQ(redis.Take("monitor"), "");
  redis.StopReading("monitor");
  redis.Exchange("monitor", "CLIENT REPLY ON\r\nQUIT\r\n");
  redis.Run("alice", "PING");
  redis.ReadAgain("monitor");
  EXPECT_THAT(redis.Take("monitor"), Not(HasSubstr("PING")));
}

// --- Counters

TEST(Dispatch, CountsCallsRefusalsAndFailures) {
  ServerTester redis;
  auto counters = [&](std::string_view name) -> const CommandStatistics& {
    return redis.server().statistics().commands[IndexOf(*FindCommand(name))];
  };
  redis.Exchange("alice", "SET s abc\r\nINCR s\r\nGET\r\nGET s\r\nNOSUCH\r\nCLIENT NOSUCH\r\n");
  redis.Exchange("alice", "MULTI\r\nINCR s\r\nGET s\r\nEXEC\r\nEXEC\r\nMULTI\r\nEXEC x\r\n");
  EXPECT_EQ(counters("incr").calls, 2U);
  EXPECT_EQ(counters("incr").failed_calls, 2U);
  EXPECT_EQ(counters("get").calls, 2U);
  EXPECT_EQ(counters("get").rejected_calls, 1U);
  EXPECT_EQ(counters("exec").calls, 2U);
  EXPECT_EQ(counters("exec").failed_calls, 1U);
  EXPECT_EQ(counters("exec").rejected_calls, 1U);
  EXPECT_EQ(counters("client").rejected_calls, 0U);
  const Statistics& statistics = redis.server().statistics();
  EXPECT_EQ(statistics.total_commands_processed, 9U);
  EXPECT_EQ(statistics.errors.at("ERR"), 6U);
  EXPECT_EQ(statistics.errors.at("EXECABORT"), 1U);
  EXPECT_EQ(statistics.total_error_replies, 7U);
}

TEST(Dispatch, SilentErrorsCountToo) {
  ServerTester redis;
  redis.Exchange("alice", "CLIENT REPLY OFF\r\nGET\r\nINCR a b\r\nSELECT x\r\n");
  EXPECT_EQ(redis.server().statistics().errors.at("ERR"), 3U);
}

TEST(Dispatch, TheSlowLogHidesPasswordsAndShowsTheQueue) {
  ServerTester redis;
  redis.Run("alice", "CONFIG SET slowlog-log-slower-than 0");
  redis.Exchange("alice", "SLOWLOG RESET\r\nMULTI\r\nPING\r\nEXEC\r\nAUTH a b\r\n");
  redis.Exchange("alice", "CONFIG SET maxclients 100 requirepass x\r\n");
  std::string logged;
  for (const SlowLog::Entry& entry : redis.server().slow_log().entries()) {
    for (const std::string& arg : entry.args) logged += arg + ' ';
    logged += '\n';
  }
  EXPECT_EQ(logged,
            "CONFIG SET maxclients 100 requirepass (redacted) \n"
            "AUTH (redacted) (redacted) \n"
            "PING \n"
            "MULTI \n"
            "SLOWLOG RESET \n");
}

}  // namespace
}  // namespace cartwheel::server
