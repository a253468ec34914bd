#include <gmock/gmock.h>

#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kWrongPass =
    "(error) WRONGPASS invalid username-password pair or user is disabled.";

Config WithPassword() {
  Config config = ServerTester::InMemory();
  config.requirepass = "secret";
  return config;
}

TEST(Connection, HelloDescribesTheServer) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "HELLO\r\n"),
            "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n"
            ":2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n"
            "$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n");
  EXPECT_THAT(redis.Exchange("alice", "HELLO 3\r\n"),
              StartsWith("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n"
                         "$5\r\nproto\r\n:3\r\n"));
  EXPECT_EQ(redis.Exchange("alice", "GET absent\r\n"), "_\r\n");
  EXPECT_THAT(redis.Exchange("alice", "HELLO\r\n"), StartsWith("%7\r\n"));
  EXPECT_THAT(redis.Exchange("alice", "HELLO 2\r\n"), StartsWith("*14\r\n"));
}

TEST(Connection, HelloRefusesWhatItDoesNotKnow) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "HELLO 4"), "(error) NOPROTO unsupported protocol version");
  EXPECT_EQ(redis.Run("a", "HELLO x"),
            "(error) ERR Protocol version is not an integer or out of range");
  EXPECT_EQ(redis.Run("a", "HELLO 3 FOO"), "(error) ERR Syntax error in HELLO option 'FOO'");
  EXPECT_EQ(redis.Run("a", "HELLO 3 AUTH default"),
            "(error) ERR Syntax error in HELLO option 'AUTH'");
  EXPECT_EQ(redis.Run("a", "HELLO 3 SETNAME"),
            "(error) ERR Syntax error in HELLO option 'SETNAME'");
  EXPECT_EQ(redis.Run("a", "HELLO 3 SETNAME 'a b'"),
            "(error) ERR Client names cannot contain spaces, newlines or special characters.");
  EXPECT_EQ(redis.session("a").protocol, resp::Protocol::kResp2);
}

TEST(Connection, HelloAuthenticatesAndNames) {
  ServerTester redis(WithPassword());
  EXPECT_THAT(redis.Run("a", "HELLO 3"), StartsWith("(error) NOAUTH HELLO must be called with"));
  EXPECT_EQ(redis.Run("a", "HELLO 3 AUTH default wrong"), kWrongPass);
  EXPECT_EQ(redis.Run("a", "HELLO 3 AUTH joe secret"), kWrongPass);
  EXPECT_EQ(redis.Run("a", "PING"), "(error) NOAUTH Authentication required.");
  redis.Send("a", "HELLO 3 SETNAME joe AUTH default secret");
  EXPECT_EQ(redis.Run("a", "CLIENT GETNAME"), "\"joe\"");
  EXPECT_EQ(redis.session("a").protocol, resp::Protocol::kResp3);
}

// Redis 7.0 applies the options as it reads them.
TEST(Connection, AFailedHelloKeepsTheProtocolAndWhatItHadRead) {
  ServerTester redis(WithPassword());
  EXPECT_EQ(redis.Run("a", "HELLO 3 AUTH default secret BAD"),
            "(error) ERR Syntax error in HELLO option 'BAD'");
  EXPECT_EQ(redis.Run("a", "HELLO 3 SETNAME joe AUTH default wrong BAD"), kWrongPass);
  EXPECT_EQ(redis.Run("a", "CLIENT GETNAME"), "\"joe\"");
  EXPECT_EQ(redis.session("a").protocol, resp::Protocol::kResp2);
}

TEST(Connection, AuthTakesThePasswordOfTheOnlyUser) {
  ServerTester redis(WithPassword());
  EXPECT_EQ(redis.Run("a", "GET k"), "(error) NOAUTH Authentication required.");
  for (std::string_view wrong :
       {"secre", "secret2", "Secret", "''", "default secre", "joe secret"}) {
    EXPECT_EQ(redis.Run("a", "AUTH " + std::string(wrong)), kWrongPass) << wrong;
  }
  EXPECT_EQ(redis.Run("a", "AUTH a b c"), "(error) ERR syntax error");
  EXPECT_EQ(redis.Run("a", "AUTH secret"), "OK");
  EXPECT_EQ(redis.Run("a", "GET k"), "(nil)");
  EXPECT_EQ(redis.Run("b", "AUTH default secret"), "OK");
}

TEST(Connection, AuthWithoutAPasswordConfigured) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "AUTH x"),
            "(error) ERR AUTH <password> called without any password configured for the default "
            "user. Are you sure your configuration is correct?");
  EXPECT_EQ(redis.Run("a", "AUTH default x"), "OK");
  EXPECT_EQ(redis.Run("a", "AUTH joe x"), kWrongPass);
}

TEST(Connection, PingAnswersInTheWayTheClientCanRead) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "PING\r\n"), "+PONG\r\n");
  EXPECT_EQ(redis.Exchange("a", "PING hi\r\n"), "$2\r\nhi\r\n");
  EXPECT_EQ(redis.Run("a", "PING x y"), "(error) ERR wrong number of arguments for 'ping' command");
  redis.Exchange("a", "SUBSCRIBE c\r\n");
  EXPECT_EQ(redis.Exchange("a", "PING\r\n"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_EQ(redis.Exchange("a", "PING hi\r\n"), "*2\r\n$4\r\npong\r\n$2\r\nhi\r\n");
  redis.Exchange("b", "HELLO 3\r\nSUBSCRIBE c\r\n");
  EXPECT_EQ(redis.Exchange("b", "PING\r\n"), "+PONG\r\n");
}

TEST(Connection, EchoReturnsAnyBytes) {
  ServerTester redis;
  EXPECT_EQ(redis.SendArgs("a", {"ECHO", std::string("\0\r\n", 3)}).text, std::string("\0\r\n", 3));
}

TEST(Connection, QuitClosesAfterTheReply) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "SET k v\r\nQUIT\r\nSET k w\r\n"), "+OK\r\n+OK\r\n");
  EXPECT_FALSE(redis.connected("a"));
  EXPECT_EQ(redis.Run("b", "GET k"), "\"v\"");
}

TEST(Connection, ResetForgetsWhatTheClientSaid) {
  ServerTester redis(WithPassword());
  redis.Exchange("a",
                 "HELLO 3 AUTH default secret SETNAME joe\r\nSELECT 2\r\nWATCH k\r\nMULTI\r\n");
  EXPECT_EQ(redis.Exchange("a", "RESET\r\n"), "+RESET\r\n");
  const Session& session = redis.session("a");
  EXPECT_EQ(session.protocol, resp::Protocol::kResp2);
  EXPECT_EQ(session.database, 0);
  EXPECT_EQ(session.name, "");
  EXPECT_FALSE(session.authenticated);
  EXPECT_FALSE(session.in_transaction);
  EXPECT_TRUE(session.watched.empty());
  EXPECT_EQ(redis.Run("a", "GET k"), "(error) NOAUTH Authentication required.");
}

TEST(Connection, ResetEndsSubscriptionsMonitoringAndSilence) {
  ServerTester redis;
  redis.Exchange("a", "SUBSCRIBE c\r\n");
  EXPECT_EQ(redis.Run("a", "RESET"), "RESET");
  EXPECT_EQ(redis.Run("b", "PUBLISH c hello"), "(integer) 0");
  redis.Exchange("a", "MONITOR\r\n");
  EXPECT_EQ(redis.Run("a", "RESET"), "RESET");
  redis.Run("b", "PING");
  EXPECT_EQ(redis.Take("a"), "");
  EXPECT_EQ(redis.Exchange("a", "CLIENT REPLY OFF\r\nPING\r\n"), "");
  EXPECT_EQ(redis.Run("a", "RESET"), "RESET");
  EXPECT_EQ(redis.Run("a", "PING"), "PONG");
  EXPECT_EQ(redis.Exchange("a", "CLIENT REPLY SKIP\r\nRESET\r\nPING\r\n"), "+PONG\r\n");
}

TEST(Connection, SelectTakesDatabasesThatExist) {
  ServerTester redis;
  redis.Run("a", "SET k zero");
  EXPECT_EQ(redis.Run("a", "SELECT 15"), "OK");
  EXPECT_EQ(redis.Run("a", "GET k"), "(nil)");
  for (std::string_view bad : {"16", "-1", "2147483647"}) {
    EXPECT_EQ(redis.Run("a", "SELECT " + std::string(bad)), "(error) ERR DB index is out of range");
  }
  for (std::string_view bad : {"x", "1.5", "''"}) {
    EXPECT_EQ(redis.Run("a", "SELECT " + std::string(bad)),
              "(error) ERR value is not an integer or out of range");
  }
  EXPECT_EQ(redis.Run("a", "SELECT 2147483648"),
            "(error) ERR value is out of range, value must between -2147483648 and 2147483647");
  EXPECT_EQ(redis.Run("a", "SELECT 0"), "OK");
  EXPECT_EQ(redis.Run("a", "GET k"), "\"zero\"");
}

TEST(Connection, ThereIsNoRedisCluster) {
  ServerTester redis;
  for (std::string_view line :
       {"CLUSTER INFO", "CLUSTER RING", "CLUSTER MYSHARDID", "READONLY", "READWRITE", "ASKING"}) {
    EXPECT_EQ(redis.Run("a", line), "(error) ERR This instance has cluster support disabled");
  }
}

}  // namespace
}  // namespace cartwheel::server
