// Bytes in, bytes out: how requests are cut out of a stream, what a client may pile up, how a
// connection ends.
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/server.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string Repeat(std::string_view text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

// Every shape a request can have, and a protocol error behind which nothing is served.
std::string VariedStream() {
  using std::string_literals::operator""s;
  return "PING\r\n"
         "\r\n"
         "  \r\n"
         "*0\r\n"
         "*-1\r\n"
         "set k1 v1\r\n"
         "*3\r\n$3\r\nSET\r\n$2\r\nk2\r\n$5\r\na\r\n\0b\r\n"
         "GET k1\n"
         "*2\r\n$3\r\nGET\r\n$2\r\nk2\r\n"
         "SET \"q \\x41\\r\\n\" 'single \\' quote'\r\n"
         "GET \"q A\\r\\n\"\r\n"
         "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n"
         "STRLEN \"\"\r\n"
         "MGET k1 k2 none\r\n"
         "NOSUCH a b\r\n"
         "GET\r\n"
         "CLIENT NOSUCH\r\n"
         "MULTI\r\n"
         "INCR n\r\n"
         "*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
         "PING inside\r\n"
         "EXEC\r\n"
         "MULTI\r\nGET\r\nEXEC\r\n"
         "MULTI\r\nSET k1 never\r\nDISCARD\r\n"
         "WATCH k1\r\nAPPEND k1 +\r\nMULTI\r\nGET k1\r\nEXEC\r\n"
         "*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$300\r\n"s +
         std::string(300, 'x') +
         "\r\n"
         "GETRANGE big 0 4\r\n"
         "SELECT 3\r\nSET k1 elsewhere\r\nDBSIZE\r\nSELECT 0\r\n"
         "CLIENT REPLY SKIP\r\nPING skipped\r\n"
         "CLIENT REPLY OFF\r\nSET k1 silent\r\nCLIENT REPLY ON\r\n"
         "GET k1\r\n"
         "SUBSCRIBE a b\r\nGET k1\r\nUNSUBSCRIBE\r\n"
         "ECHO last\r\n"
         "*1\r\n&4\r\nPING\r\n";
}

std::string Replies(std::string_view first, std::string_view second) {
  ServerTester redis;
  redis.Receive("alice", first);
  if (redis.connected("alice")) redis.Receive("alice", second);
  redis.EndTurn();
  return redis.Take("alice");
}

TEST(Session, RepliesDoNotDependOnWhereTheStreamIsCut) {
  const std::string stream = VariedStream();
  const std::string whole = Replies(stream, "");
  ASSERT_THAT(whole, HasSubstr("$4\r\nlast\r\n-ERR Protocol error: expected '$', got '&'\r\n"));
  ASSERT_THAT(whole, HasSubstr("*3\r\n:1\r\n:2\r\n$6\r\ninside\r\n"));
  for (size_t cut = 1; cut < stream.size(); ++cut) {
    ASSERT_EQ(
        Replies(std::string_view(stream).substr(0, cut), std::string_view(stream).substr(cut)),
        whole)
        << "cut at " << cut;
  }
}

TEST(Session, RepliesDoNotDependOnTurns) {
  const std::string stream = VariedStream();
  ServerTester whole;
  ServerTester bytes;
  const std::string expected = whole.Exchange("alice", stream);
  std::string got;
  for (char c : stream) {
    if (bytes.connected("alice") || got.empty()) got += bytes.Exchange("alice", {&c, 1});
  }
  EXPECT_EQ(got, expected);
  EXPECT_FALSE(bytes.connected("alice"));
  EXPECT_FALSE(whole.connected("alice"));
}

TEST(Session, AnswersAPipelineInOrder) {
  ServerTester redis;
  std::string requests;
  std::string replies;
  for (int i = 1; i <= 1000; ++i) {
    requests += "INCR n\r\n";
    replies += ":" + std::to_string(i) + "\r\n";
  }
  EXPECT_EQ(redis.Exchange("alice", requests), replies);
}

TEST(Session, GivesBackTheMemoryOfAHugeRequest) {
  ServerTester redis;
  const std::string big(1 << 20, 'x');
  const std::string request = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048576\r\n" + big + "\r\n";
  redis.Receive("alice", request.substr(0, 1000));
  redis.Receive("alice", request.substr(1000));
  redis.EndTurn();
  EXPECT_EQ(redis.Take("alice"), "+OK\r\n");
  EXPECT_LE(redis.session("alice").input.capacity(), 256UL << 10);
}

TEST(Session, AnswersWhatItReadBeforeTheEndOfInput) {
  ServerTester redis;
  redis.Receive("alice", "SET k v\r\nGET k\r\nGET");
  redis.EndInput("alice");
  EXPECT_EQ(redis.Take("alice"), "+OK\r\n$1\r\nv\r\n");
  EXPECT_FALSE(redis.connected("alice"));
}

TEST(Session, EndOfInputGivesUpARequestThatWaits) {
  ServerTester redis;
  redis.Receive("alice", "PING\r\nWAIT 1 1000\r\nPING\r\n");
  redis.EndInput("alice");
  EXPECT_EQ(redis.Take("alice"), "+PONG\r\n");
  EXPECT_FALSE(redis.connected("alice"));
  redis.Run("bob", "CLIENT PAUSE 1000 WRITE");
  redis.Receive("carol", "PING\r\nSET k v\r\n");
  redis.EndInput("carol");
  EXPECT_EQ(redis.Take("carol"), "+PONG\r\n");
  EXPECT_FALSE(redis.connected("carol"));
  redis.Advance(2'000'000);
  EXPECT_EQ(redis.Run("bob", "EXISTS k"), "(integer) 0");
}

TEST(Session, AWaitingReplyIsNotGivenToAClientThatIsLeaving) {
  ServerTester redis;
  redis.StopReading("alice");
  redis.Receive("alice", "PING\r\nWAIT 1 1000\r\n");
  redis.EndInput("alice");
  redis.Advance(2'000'000);
  redis.ReadAgain("alice");
  EXPECT_EQ(redis.Take("alice"), "+PONG\r\n");
  EXPECT_FALSE(redis.connected("alice"));
}

TEST(Session, NothingIsServedBehindQuit) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice", "PING\r\nQUIT\r\nSET k v\r\n"), "+PONG\r\n+OK\r\n");
  EXPECT_FALSE(redis.connected("alice"));
  EXPECT_EQ(redis.Run("bob", "EXISTS k"), "(integer) 0");
}

TEST(Session, ClosesOnAnHttpRequestWithoutAWord) {
  ServerTester redis;
  for (std::string_view line : {"POST / HTTP/1.1\r\n", "Host: localhost:6379\r\n", "post x\r\n"}) {
    EXPECT_EQ(redis.Exchange("browser", "PING\r\n" + std::string(line) + "SET k v\r\n"), "");
    EXPECT_FALSE(redis.connected("browser"));
  }
  EXPECT_EQ(redis.Run("bob", "EXISTS k"), "(integer) 0");
}

// --- Limits on what a client sends

TEST(Session, ClosesAtTheQueryBufferLimit) {
  Config config = ServerTester::InMemory();
  config.client_query_buffer_limit = 1000;
  ServerTester redis(config);
  redis.Exchange("alice", "*2\r\n$4\r\nECHO\r\n$2000\r\n");
  EXPECT_EQ(redis.Exchange("alice", std::string(970, 'x')), "");
  EXPECT_TRUE(redis.connected("alice"));
  redis.Exchange("alice", std::string(10, 'x'));
  EXPECT_FALSE(redis.connected("alice"));
  EXPECT_EQ(redis.server().statistics().client_query_buffer_limit_disconnections, 1U);
  EXPECT_EQ(redis.Exchange("bob", Repeat("PING\r\n", 500)), Repeat("+PONG\r\n", 500));
}

TEST(Session, AQueuedTransactionCountsAsInput) {
  Config config = ServerTester::InMemory();
  config.client_query_buffer_limit = 1000;
  ServerTester redis(config);
  redis.Run("alice", "MULTI");
  for (int i = 0; i < 9; ++i) redis.Run("alice", "ECHO " + std::string(100, 'x'));
  EXPECT_TRUE(redis.connected("alice"));
  EXPECT_EQ(redis.Send("alice", "DISCARD").text, "OK");
  redis.Run("alice", "MULTI");
  for (int i = 0; i < 9; ++i) redis.Run("alice", "ECHO " + std::string(100, 'x'));
  redis.Exchange("alice", "ECHO " + std::string(100, 'x') + "\r\n");
  EXPECT_FALSE(redis.connected("alice"));
}

TEST(Session, AStrangerMaySendLittle) {
  Config config = ServerTester::InMemory();
  config.requirepass = "secret";
  ServerTester redis(config);
  EXPECT_EQ(redis.Exchange("a", "*11\r\n"),
            "-ERR Protocol error: unauthenticated multibulk length\r\n");
  EXPECT_FALSE(redis.connected("a"));
  EXPECT_EQ(redis.Exchange("b", "*2\r\n$16385\r\n"),
            "-ERR Protocol error: unauthenticated bulk length\r\n");
  EXPECT_FALSE(redis.connected("b"));
  EXPECT_EQ(redis.Exchange("c", "AUTH secret\r\n*11\r\n$4\r\nMGET\r\n" + Repeat("$1\r\nx\r\n", 10)),
            "+OK\r\n*10\r\n" + Repeat("$-1\r\n", 10));
}

// --- Limits on what a client is owed

// A client that does not read is held back, and goes on where it stopped once it reads.
TEST(Session, AClientThatDoesNotReadIsNotServedUntilItDoes) {
  ServerTester redis;
  redis.SendArgs("alice", {"SET", "big", std::string(1 << 20, 'x')});
  redis.StopReading("alice");
  constexpr int kRequests = 100;
  redis.Exchange("alice", Repeat("GET big\r\n", kRequests) + "INCR done\r\n");
  Session& alice = redis.session("alice");
  EXPECT_FALSE(redis.server().WantsInput(alice));
  EXPECT_LT(alice.output.size(), 66UL << 20);
  EXPECT_EQ(redis.Run("bob", "EXISTS done"), "(integer) 0");
  redis.Advance(1'000'000);
  EXPECT_EQ(redis.Run("bob", "EXISTS done"), "(integer) 0");
  redis.ReadAgain("alice");
  redis.Advance(1);
  EXPECT_EQ(redis.Run("bob", "GET done"), "\"1\"");
  const std::string received = redis.Take("alice");
  EXPECT_EQ(received.size(), kRequests * (std::string_view("$1048576\r\n").size() + (1 << 20) + 2) +
                                 std::string_view(":1\r\n").size());
  EXPECT_TRUE(redis.server().WantsInput(alice));
}

TEST(Session, AHeldBackClientWhoseInputEndsIsAnsweredAndClosed) {
  ServerTester redis;
  redis.SendArgs("alice", {"SET", "big", std::string(1 << 20, 'x')});
  redis.StopReading("alice");
  redis.Exchange("alice", Repeat("GET big\r\n", 70) + "INCR done\r\n");
  redis.EndInput("alice");
  redis.Advance(1'000'000);
  EXPECT_TRUE(redis.connected("alice"));
  redis.ReadAgain("alice");
  redis.Advance(1);
  EXPECT_FALSE(redis.connected("alice"));
  EXPECT_EQ(redis.Run("bob", "GET done"), "\"1\"");
}

TEST(Session, InputBehindARequestThatWaitsHasALimit) {
  ServerTester redis;
  redis.Exchange("alice", "WAIT 1 0\r\n");
  Session& alice = redis.session("alice");
  EXPECT_TRUE(redis.server().WantsInput(alice));
  redis.Exchange("alice", std::string(1 << 20, 'x'));
  EXPECT_FALSE(redis.server().WantsInput(alice));
  redis.Disconnect("alice");
  redis.Advance(1'000'000);  // nobody is left to wake
}

Config SmallPubSubLimits() {
  Config config = ServerTester::InMemory();
  config.client_output_buffer_limit[static_cast<size_t>(ClientClass::kPubSub)] = {
      .hard = 10'000, .soft = 1'000, .soft_seconds = 2};
  return config;
}

TEST(Session, ASubscriberPastTheHardLimitIsClosed) {
  ServerTester redis(SmallPubSubLimits());
  redis.Exchange("alice", "SUBSCRIBE c\r\n");
  redis.StopReading("alice");
  redis.Run("bob", "PUBLISH c " + std::string(9'000, 'x'));
  EXPECT_TRUE(redis.connected("alice"));
  EXPECT_EQ(redis.Run("bob", "PUBLISH c " + std::string(2'000, 'x')), "(integer) 1");
  EXPECT_FALSE(redis.connected("alice"));
  EXPECT_EQ(redis.Run("bob", "PUBLISH c x"), "(integer) 0");
  EXPECT_EQ(redis.server().statistics().client_output_buffer_limit_disconnections, 1U);
}

TEST(Session, ASubscriberPastTheSoftLimitForTooLongIsClosed) {
  ServerTester redis(SmallPubSubLimits());
  redis.Exchange("alice", "SUBSCRIBE c\r\n");
  redis.StopReading("alice");
  redis.Run("bob", "PUBLISH c " + std::string(2'000, 'x'));
  redis.Advance(1'900'000);
  EXPECT_TRUE(redis.connected("alice"));
  redis.ReadAgain("alice");  // in time: the clock starts anew
  redis.Advance(1'000'000);
  redis.StopReading("alice");
  redis.Run("bob", "PUBLISH c " + std::string(2'000, 'x'));
  redis.Advance(2'000'000);
  EXPECT_TRUE(redis.connected("alice"));
  redis.Advance(200'000);
  EXPECT_FALSE(redis.connected("alice"));
}

TEST(Session, AClientThatAskedForManyRepliesHasNoSuchLimit) {
  ServerTester redis(SmallPubSubLimits());
  redis.StopReading("alice");
  redis.Exchange("alice", "ECHO " + std::string(50'000, 'x') + "\r\n");
  redis.Advance(10'000'000);
  EXPECT_TRUE(redis.connected("alice"));
}

// --- CLIENT REPLY

TEST(Session, SilenceCoversRepliesErrorsAndQueuedOnes) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("alice",
                           "CLIENT REPLY OFF\r\nSET k v\r\nGET\r\nNOSUCH\r\nMULTI\r\nINCR n\r\n"
                           "EXEC\r\nWAIT 1 10\r\n"),
            "");
  redis.Advance(20'000);
  EXPECT_EQ(redis.Exchange("alice", "CLIENT REPLY ON\r\nMGET k n\r\n"),
            "+OK\r\n*2\r\n$1\r\nv\r\n$1\r\n1\r\n");
}

TEST(Session, SkipCoversOneRequestWhateverBecomesOfIt) {
  ServerTester redis;
  for (std::string_view skipped :
       {"PING", "GET", "NOSUCH", "CLIENT REPLY FOO", "CLIENT REPLY SKIP\r\nPING"}) {
    EXPECT_EQ(
        redis.Exchange("alice", "CLIENT REPLY SKIP\r\n" + std::string(skipped) + "\r\nPING\r\n"),
        "+PONG\r\n")
        << skipped;
  }
  EXPECT_EQ(redis.Exchange("alice", "MULTI\r\n"), "+OK\r\n");
  redis.session("alice").reply_mode = Session::ReplyMode::kSkipNext;
  EXPECT_EQ(redis.Exchange("alice", "PING\r\nPING\r\nEXEC\r\n"),
            "+QUEUED\r\n*2\r\n+PONG\r\n+PONG\r\n");
  EXPECT_EQ(redis.Exchange("alice", "CLIENT REPLY SKIP\r\nWAIT 1 10\r\nPING\r\n"), "");
  redis.Advance(10'000);
  EXPECT_EQ(redis.Take("alice"), "+PONG\r\n");
}

TEST(Session, APostponedRequestKeepsItsSkip) {
  ServerTester redis;
  redis.Run("bob", "CLIENT PAUSE 1000 WRITE");
  EXPECT_EQ(redis.Exchange("alice", "CLIENT REPLY SKIP\r\nINCR n\r\nINCR n\r\n"), "");
  redis.Advance(1'000'000);
  EXPECT_EQ(redis.Take("alice"), ":2\r\n");
}

// --- Who may connect, and stay

TEST(Session, RefusesMoreThanMaxclients) {
  Config config = ServerTester::InMemory();
  config.maxclients = 2;
  ServerTester redis(config);
  redis.Run("a", "PING");
  redis.Run("b", "PING");
  redis.session("c");
  EXPECT_EQ(redis.Take("c"), "-ERR max number of clients reached\r\n");
  EXPECT_FALSE(redis.connected("c"));
  EXPECT_EQ(redis.server().statistics().rejected_connections, 1U);
  EXPECT_EQ(redis.server().statistics().total_connections_received, 2U);
  redis.Disconnect("a");
  EXPECT_EQ(redis.Run("d", "PING"), "PONG");
}

TEST(Session, ProtectedModeServesThisMachineOnly) {
  const Peer far{.address = "192.0.2.1:50000", .local_address = "192.0.2.2:6379"};
  ServerTester redis;
  redis.Connect("far", far);
  EXPECT_THAT(redis.Take("far"), StartsWith("-DENIED Cartwheel is running in protected mode"));
  EXPECT_FALSE(redis.connected("far"));
  redis.Connect("unix", {.address = "/run/x:0", .local_address = "/run/x:0", .unix_socket = true});
  EXPECT_EQ(redis.Run("unix", "PING"), "PONG");
  redis.Run("near", "CONFIG SET requirepass secret");
  redis.Connect("far", far);
  EXPECT_EQ(redis.Run("far", "AUTH secret"), "OK");
  redis.Run("near", "CONFIG SET requirepass \"\" protected-mode no");
  redis.Connect("farther", far);
  EXPECT_EQ(redis.Run("farther", "PING"), "PONG");
}

TEST(Session, AClearedPasswordIsAskedOfNobody) {
  ServerTester redis;
  redis.Run("admin", "CONFIG SET requirepass secret");
  EXPECT_EQ(redis.Run("admin", "PING"), "PONG");  // it was here before the password
  EXPECT_EQ(redis.Run("alice", "PING"), "(error) NOAUTH Authentication required.");
  redis.Run("admin", "CONFIG SET requirepass \"\"");
  EXPECT_EQ(redis.Run("alice", "PING"), "PONG");
  EXPECT_THAT(redis.Exchange("alice", "HELLO 2\r\n"), StartsWith("*14\r\n"));
}

TEST(Session, IdleClientsAreClosedAndThoseThatListenAreNot) {
  Config config = ServerTester::InMemory();
  config.timeout = 10;
  ServerTester redis(config);
  redis.Exchange("idle", "PING\r\n");
  redis.Exchange("busy", "PING\r\n");
  redis.Exchange("subscriber", "SUBSCRIBE c\r\n");
  redis.Exchange("monitor", "MONITOR\r\n");
  redis.Exchange("waiter", "WAIT 1 0\r\n");
  redis.StopReading("leaving");
  redis.Exchange("leaving", "QUIT\r\n");
  redis.Advance(6'000'000);
  redis.Exchange("busy", "PING\r\n");
  EXPECT_TRUE(redis.connected("idle"));
  redis.Advance(6'000'000);
  EXPECT_FALSE(redis.connected("idle"));
  EXPECT_FALSE(redis.connected("leaving"));
  for (std::string_view client : {"busy", "subscriber", "monitor", "waiter"}) {
    EXPECT_TRUE(redis.connected(client)) << client;
  }
}

TEST(Session, APausedClientIsNotIdle) {
  Config config = ServerTester::InMemory();
  config.timeout = 10;
  ServerTester redis(config);
  redis.Exchange("admin", "CLIENT PAUSE 20000 WRITE\r\n");
  redis.Exchange("alice", "SET k v\r\n");
  redis.Advance(20'000'000);
  EXPECT_EQ(redis.Take("alice"), "+OK\r\n");
}

}  // namespace
}  // namespace cartwheel::server
