// DYN.KEYINFO, DYN.CONFLICTS, DYN.QUORUM, and INFO's section about siblings.
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/server.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class DynShowTest : public ::testing::Test {
 protected:
  std::string Run(std::string_view line, std::string_view client = "alice") {
    return redis_.Run(client, line);
  }
  // A field of the reply to a command that answers a map.
  static std::string Field(const resp::Reply& reply, std::string_view name) {
    for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
      if (reply.elements[i].text == name) return resp::ToString(reply.elements[i + 1]);
    }
    return "(no such field)";
  }
  std::string KeyInfo(std::string_view key, std::string_view field) {
    return Field(redis_.Send("alice", "DYN.KEYINFO " + std::string(key)), field);
  }

  ServerTester redis_;
};

// ---- DYN.KEYINFO

TEST_F(DynShowTest, KeyInfoOfAKeyThatIsNotThereSaysWhereItWouldBe) {
  EXPECT_EQ(KeyInfo("foo", "state"), "\"absent\"");
  EXPECT_EQ(KeyInfo("foo", "slot"), "(integer) 12182");
  EXPECT_EQ(KeyInfo("foo", "partition"), "(integer) 761");
  EXPECT_EQ(KeyInfo("foo", "owners"), "1) \"this node\"");
  EXPECT_EQ(KeyInfo("foo", "siblings"), "(integer) 0");
  EXPECT_EQ(KeyInfo("foo", "context"), "\"nothing\"");
  EXPECT_EQ(KeyInfo("foo", "record_bytes"), "(integer) 0");
  EXPECT_EQ(Run("DYN.KEYINFO"), "(error) ERR wrong number of arguments for 'dyn.keyinfo' command");
}

TEST_F(DynShowTest, KeyInfoShowsVersionsContextAndTimes) {
  Run("DYN.SET foo bar");
  Run("DYN.SET foo bazz PX 60000");
  EXPECT_EQ(KeyInfo("foo", "state"), "\"live\"");
  EXPECT_EQ(KeyInfo("foo", "siblings"), "(integer) 2");
  EXPECT_THAT(
      KeyInfo("foo", "versions"),
      MatchesRegex(
          "1\\) \"[0-9a-f]{16}:1 written at 1700000000000\\.0, 3 bytes, expires never\"\n"
          "2\\) \"[0-9a-f]{16}:2 written at 1700000000000\\.1, 4 bytes, expires in 60000 ms "
          "\\(at 1700000060000\\), shown\""));
  EXPECT_THAT(KeyInfo("foo", "context"), MatchesRegex("\"[0-9a-f]{16}:1-2\""));
  EXPECT_EQ(KeyInfo("foo", "hlc"), "\"1700000000000.1\"");
  EXPECT_EQ(KeyInfo("foo", "expires"), "\"never\"");
  EXPECT_EQ(KeyInfo("foo", "counter"), "\"none\"");
  EXPECT_THAT(KeyInfo("foo", "record_bytes"), Not(HasSubstr("(integer) 0")));
}

TEST_F(DynShowTest, KeyInfoTellsAnExpiryThatMovedFromANewValue) {
  Run("SET k v");
  Run("EXPIRE k 1");
  EXPECT_THAT(KeyInfo("k", "versions"), MatchesRegex(".*:2 written at .*, value of [0-9a-f]{16}:1, "
                                                     "shown\""));
  redis_.Advance(500'000);
  EXPECT_EQ(KeyInfo("k", "expires"), "\"in 500 ms (at 1700000001000)\"");
}

TEST_F(DynShowTest, KeyInfoShowsWhatIsCounted) {
  Run("INCRBY n 7");
  Run("DECRBY n 2");
  EXPECT_EQ(KeyInfo("n", "state"), "\"live\"");
  EXPECT_EQ(KeyInfo("n", "siblings"), "(integer) 1");
  EXPECT_THAT(KeyInfo("n", "counter"), MatchesRegex("\"5 = [0-9a-f]{16} \\+7 -2\""));
}

TEST_F(DynShowTest, KeyInfoIsAMapInResp3) {
  redis_.Send("alice", "HELLO 3");
  EXPECT_EQ(redis_.Send("alice", "DYN.KEYINFO k").type, resp::Reply::Type::kMap);
}

// ---- DYN.CONFLICTS

TEST_F(DynShowTest, ConflictsAreWhatPlainReadsHide) {
  Run("DYN.SET k one");
  Run("GET k");
  EXPECT_EQ(Run("DYN.CONFLICTS LEN"), "(integer) 0") << "there was one value";
  Run("DYN.SET k two!");
  Run("DYN.GET k");
  EXPECT_EQ(Run("DYN.CONFLICTS LEN"), "(integer) 0") << "it hides nothing";
  Run("GET k");
  Run("STRLEN k");
  ASSERT_EQ(Run("DYN.CONFLICTS LEN"), "(integer) 1");
  const resp::Reply entry = redis_.Send("alice", "DYN.CONFLICTS GET").elements[0];
  EXPECT_EQ(Field(entry, "what"), "\"hidden\"");
  EXPECT_EQ(Field(entry, "key"), "\"k\"");
  EXPECT_EQ(Field(entry, "db"), "(integer) 0");
  EXPECT_EQ(Field(entry, "bytes"), "(integer) 3");
  EXPECT_EQ(Field(entry, "times"), "(integer) 2");
  EXPECT_EQ(Field(entry, "first_ms"), "(integer) 1700000000000");
  EXPECT_THAT(Field(entry, "dot"), MatchesRegex("\"[0-9a-f]{16}:1 written at 1700000000000\\.0\""));
  EXPECT_THAT(Field(entry, "shown"), MatchesRegex("\"[0-9a-f]{16}:2\""));
}

TEST_F(DynShowTest, ConflictsAreWhatPlainWritesSupersede) {
  for (const std::string_view write : {"SET k plain", "DEL k", "APPEND k x", "GETDEL k"}) {
    Run("DYN.CONFLICTS RESET");
    Run("DYN.SET k one");
    Run("DYN.SET k two");
    Run(write);
    ASSERT_EQ(Run("DYN.CONFLICTS LEN"), "(integer) 1") << write;
    const resp::Reply entry = redis_.Send("alice", "DYN.CONFLICTS GET 5").elements[0];
    EXPECT_EQ(Field(entry, "what"), "\"superseded\"") << write;
    Run("DEL k");
  }
  Run("DYN.CONFLICTS RESET");
  Run("DYN.SET k one");
  Run("DYN.SET k two");
  Run("DYN.SET k three CONTEXT " + redis_.Send("alice", "DYN.GET k").elements[0].text);
  Run("SET k four");
  EXPECT_EQ(Run("DYN.CONFLICTS LEN"), "(integer) 0") << "whoever gives a context has seen them";
}

TEST_F(DynShowTest, ConflictsAreBounded) {
  Run("CONFIG SET dyn-conflicts-max-len 3");
  for (int i = 0; i < 10; ++i) Run("DYN.SET k v");
  Run("GET k");
  EXPECT_EQ(Run("DYN.CONFLICTS LEN"), "(integer) 3");
  EXPECT_EQ(redis_.Send("alice", "DYN.CONFLICTS GET 2").elements.size(), 2U);
  EXPECT_EQ(redis_.Send("alice", "DYN.CONFLICTS GET -1").elements.size(), 3U);
  EXPECT_EQ(Run("DYN.CONFLICTS GET -2"), "(error) ERR count should be greater than or equal to -1");
  EXPECT_EQ(Run("DYN.CONFLICTS GET x"), "(error) ERR count should be greater than or equal to -1");
  EXPECT_THAT(Run("DYN.CONFLICTS GET 1 2"), HasSubstr("Try DYN.CONFLICTS HELP."));
  EXPECT_EQ(Run("DYN.CONFLICTS RESET"), "OK");
  EXPECT_EQ(Run("DYN.CONFLICTS LEN"), "(integer) 0");
  EXPECT_THAT(Run("DYN.CONFLICTS NOSUCH"), HasSubstr("unknown subcommand 'NOSUCH'"));
  EXPECT_THAT(Run("DYN.CONFLICTS HELP"), HasSubstr("GET [count]"));
}

// ---- INFO

TEST_F(DynShowTest, InfoCountsReadsBySiblings) {
  Run("DYN.SET one v");
  for (int i = 0; i < 2; ++i) Run("DYN.SET two v");
  for (int i = 0; i < 5; ++i) Run("DYN.SET five v");
  Run("MGET one two five none");
  Run("DYN.GET two");
  Run("DYN.GET none");
  EXPECT_THAT(redis_.Send("alice", "INFO dynamo").text,
              HasSubstr("# Dynamo\r\nsiblings_shown_1:1\r\nsiblings_shown_2:2\r\n"
                        "siblings_shown_3_or_more:1\r\nconflicts_noted:5\r\n"
                        "siblings_limit_refused:0\r\ndyn_contexts_refused:0\r\n"));
  Run("CONFIG RESETSTAT");
  EXPECT_THAT(redis_.Send("alice", "INFO dynamo").text, HasSubstr("conflicts_noted:0"));
}

// ---- DYN.QUORUM

TEST_F(DynShowTest, QuorumAloneShowsTheLevelsAndWhatIsInForce) {
  EXPECT_EQ(Run("DYN.QUORUM"),
            " 1) \"n\"\n 2) (integer) 3\n 3) \"r\"\n 4) (integer) 2\n 5) \"w\"\n 6) (integer) 2\n"
            " 7) \"pr\"\n 8) (integer) 0\n 9) \"pw\"\n10) (integer) 0\n11) \"dw\"\n"
            "12) (integer) 0\n13) \"in_force\"\n14) \"N=1 R=1 W=1 PR=0 PW=0 DW=0\"");
}

TEST_F(DynShowTest, QuorumIsKeptByTheConnectionUntilReset) {
  EXPECT_EQ(Run("DYN.QUORUM R 1 w 3 DW 1"), "OK");
  EXPECT_EQ(redis_.session("alice").levels, (cluster::Levels{.r = 1, .w = 3, .dw = 1}));
  EXPECT_EQ(Run("DYN.QUORUM PR 1"), "OK") << "the others stay";
  EXPECT_EQ(redis_.session("alice").levels, (cluster::Levels{.r = 1, .w = 3, .pr = 1, .dw = 1}));
  EXPECT_EQ(redis_.session("bob").levels, cluster::Levels{});
  EXPECT_EQ(Run("DYN.QUORUM RESET"), "OK");
  EXPECT_EQ(redis_.session("alice").levels, cluster::Levels{});
  Run("DYN.QUORUM R 1");
  Run("RESET");
  EXPECT_EQ(redis_.session("alice").levels, cluster::Levels{});
}

TEST_F(DynShowTest, QuorumRefusesLevelsThatMakeNoSense) {
  EXPECT_EQ(Run("DYN.QUORUM R 4"), "(error) ERR R must be between 1 and N=3, not 4");
  EXPECT_EQ(Run("DYN.QUORUM W 0"), "(error) ERR W must be between 1 and N=3, not 0");
  EXPECT_EQ(Run("DYN.QUORUM R"), "(error) ERR syntax error");
  for (const char* line :
       {"DYN.QUORUM R x", "DYN.QUORUM R -1", "DYN.QUORUM R 256", "DYN.QUORUM R GET k"}) {
    EXPECT_EQ(Run(line), "(error) ERR value is not an integer or out of range") << line;
  }
  EXPECT_EQ(redis_.session("alice").levels, cluster::Levels{});
}

TEST(DynShow, DwAsksForTheDiskOfANodeAlone) {
  ServerTester redis{Config{}};
  EXPECT_EQ(redis.Run("alice", "SET k v"), "OK");
  EXPECT_EQ(redis.Run("alice", "DYN.QUORUM DW 1 GET k"), "\"v\"");
  EXPECT_EQ(redis.engine().syncs_asked_for, 0);
  EXPECT_EQ(redis.Run("alice", "DYN.QUORUM DW 1 SET k v"), "OK");
  EXPECT_EQ(redis.engine().syncs_asked_for, 1);
}

TEST_F(DynShowTest, WithoutADiskDwIsRefused) {
  EXPECT_EQ(Run("DYN.QUORUM DW 1 SET k v"),
            "(error) NOREPLICAS DW was asked for, and this node keeps its data in memory only "
            "(save \"\"); nothing was done");
  EXPECT_EQ(Run("GET k"), "(nil)");
}

TEST_F(DynShowTest, QuorumRunsACommandAsIfItStoodAlone) {
  EXPECT_EQ(Run("DYN.QUORUM W 3 SET k v"), "OK");
  EXPECT_EQ(Run("DYN.QUORUM R 1 PR 1 get k"), "\"v\"");
  EXPECT_EQ(Run("DYN.QUORUM GET k"), "\"v\"");
  EXPECT_EQ(Run("DYN.QUORUM R 1 GET"), "(error) ERR wrong number of arguments for 'get' command");
  EXPECT_EQ(Run("DYN.QUORUM R 1 NOSUCH a"),
            "(error) ERR unknown command 'NOSUCH', with args beginning with: 'a' ");
  EXPECT_EQ(Run("DYN.QUORUM R 1 OBJECT ENCODING k"), "\"embstr\"");
  EXPECT_EQ(Run("DYN.QUORUM R 9 GET k"), "(error) ERR R must be between 1 and N=3, not 9");
  EXPECT_EQ(Run("DYN.QUORUM R 1 DYN.QUORUM W 1"), "(error) ERR DYN.QUORUM cannot run DYN.QUORUM");
  EXPECT_EQ(redis_.session("alice").levels, cluster::Levels{});
  EXPECT_EQ(redis_.session("alice").command_levels, std::nullopt);
}

TEST_F(DynShowTest, QuorumInATransactionQueuesTheCommandWithItsLevels) {
  Run("MULTI");
  EXPECT_EQ(Run("DYN.QUORUM W 3 SET k v"), "QUEUED");
  EXPECT_EQ(Run("GET k"), "QUEUED");
  EXPECT_EQ(Run("DYN.QUORUM DW 1"), "QUEUED");
  const auto& queue = redis_.session("alice").queue;
  ASSERT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue[0].command->name, "set");
  EXPECT_EQ(queue[0].levels, (cluster::Levels{.w = 3}));
  EXPECT_EQ(queue[1].levels, std::nullopt);
  EXPECT_EQ(Run("DYN.QUORUM R 1 EXEC"),
            "1) OK\n2) \"v\"\n3) (error) ERR DYN.QUORUM cannot run "
            "DYN.QUORUM");
  Run("MULTI");
  Run("DYN.QUORUM DW 1");
  EXPECT_EQ(Run("EXEC"), "1) OK");
  EXPECT_EQ(redis_.session("alice").levels, (cluster::Levels{.dw = 1}));
  Run("MULTI");
  EXPECT_THAT(Run("DYN.QUORUM R 1 GET"), HasSubstr("wrong number of arguments"));
  EXPECT_THAT(Run("EXEC"), HasSubstr("EXECABORT"));
}

TEST_F(DynShowTest, QuorumNeedsThePasswordLikeItsCommand) {
  Config config = ServerTester::InMemory();
  config.requirepass = "secret";
  ServerTester redis(config);
  EXPECT_EQ(redis.Run("a", "DYN.QUORUM R 1 GET k"), "(error) NOAUTH Authentication required.");
  EXPECT_EQ(redis.Run("a", "DYN.QUORUM R 1"), "(error) NOAUTH Authentication required.");
  EXPECT_EQ(redis.Run("a", "DYN.QUORUM R 1 AUTH secret"), "OK");
  EXPECT_EQ(redis.Run("a", "DYN.QUORUM R 1 GET k"), "(nil)");
}

}  // namespace
}  // namespace cartwheel::server
