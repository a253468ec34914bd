#include <gmock/gmock.h>

#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Id(ServerTester& redis, std::string_view client) {
  return std::to_string(redis.session(client).id);
}

TEST(Client, IdsCountConnections) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CLIENT ID"), "(integer) 1");
  EXPECT_EQ(redis.Run("b", "CLIENT ID"), "(integer) 2");
  EXPECT_EQ(redis.Run("a", "CLIENT ID"), "(integer) 1");
}

TEST(Client, NamesHaveNoBlanks) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CLIENT GETNAME"), "(nil)");
  EXPECT_EQ(redis.Run("a", "CLIENT SETNAME joe"), "OK");
  for (const std::string bad : {"a b", "a\nb", "\x7f", "\xc3\xa4"}) {
    EXPECT_EQ(redis.SendArgs("a", {"CLIENT", "SETNAME", bad}).text,
              "ERR Client names cannot contain spaces, newlines or special characters.");
  }
  EXPECT_EQ(redis.Run("a", "CLIENT GETNAME"), "\"joe\"");
  EXPECT_EQ(redis.Run("a", "CLIENT SETNAME ''"), "OK");
  EXPECT_EQ(redis.Run("a", "CLIENT GETNAME"), "(nil)");
}

TEST(Client, SetInfoTakesTheLibrary) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CLIENT SETINFO lib-name redis-py"), "OK");
  EXPECT_EQ(redis.Run("a", "CLIENT SETINFO LIB-VER 5.0.1"), "OK");
  EXPECT_EQ(redis.Run("a", "CLIENT SETINFO LIB-VER 'a b'"),
            "(error) ERR LIB-VER cannot contain spaces, newlines or special characters.");
  EXPECT_EQ(redis.Run("a", "CLIENT SETINFO foo bar"), "(error) ERR Unrecognized option 'foo'");
  EXPECT_THAT(redis.Send("a", "CLIENT INFO").text, HasSubstr(" lib-name=redis-py lib-ver=5.0.1\n"));
}

TEST(Client, InfoHasRedisFieldsInOrder) {
  ServerTester redis;
  redis.Run("a", "CLIENT SETNAME joe");
  redis.Run("a", "SELECT 3");
  redis.Advance(5'000'000);
  const std::string line = redis.Send("a", "CLIENT INFO").text;
  EXPECT_THAT(line, StartsWith("id=1 addr=127.0.0.1:50001 laddr=127.0.0.1:6379 fd=8 name=joe age=5 "
                               "idle=0 flags=N db=3 sub=0 psub=0 ssub=0 multi=-1 qbuf="));
  size_t at = 0;
  for (std::string_view field :
       {" qbuf=", " qbuf-free=", " argv-mem=", " multi-mem=0 ", " rbs=", " rbp=", " obl=", " oll=",
        " omem=", " tot-mem=", " events=r ", " cmd=client|info ", " user=default ", " redir=-1 ",
        " resp=2 ", " lib-name= ", " lib-ver=\n"}) {
    const size_t found = line.find(field, at);
    ASSERT_NE(found, std::string::npos) << field << " in " << line;
    at = found + field.size() - 1;
  }
}

TEST(Client, InfoIsAVerbatimStringInResp3) {
  ServerTester redis;
  redis.Send("a", "HELLO 3");
  const resp::Reply reply = redis.Send("a", "CLIENT INFO");
  EXPECT_EQ(reply.type, resp::Reply::Type::kVerbatim);
  EXPECT_EQ(reply.format, "txt");
  EXPECT_THAT(reply.text, HasSubstr(" resp=3 "));
}

TEST(Client, FlagsTellTheState) {
  ServerTester redis;
  redis.session("watcher");
  redis.Exchange("a", "SUBSCRIBE c\r\n");
  redis.Exchange("b", "MULTI\r\nPING\r\n");
  redis.Exchange("c", "WAIT 1 0\r\n");
  redis.Exchange("d", "CLIENT NO-EVICT ON\r\nCLIENT NO-TOUCH ON\r\n");
  redis.Exchange("e", "MONITOR\r\n");
  const std::string lines = redis.Send("watcher", "CLIENT LIST").text;
  EXPECT_THAT(lines,
              AllOf(HasSubstr("id=2 "), HasSubstr(" flags=P db=0 sub=1 "),
                    HasSubstr(" flags=x db=0 sub=0 psub=0 ssub=0 multi=1 "), HasSubstr(" flags=b "),
                    HasSubstr(" flags=eT "), HasSubstr(" flags=O ")));
}

TEST(Client, ListChoosesByTypeAndId) {
  ServerTester redis;
  redis.session("a");
  redis.Exchange("b", "SUBSCRIBE c\r\n");
  const std::string pub_sub = redis.Send("a", "CLIENT LIST TYPE PubSub").text;
  EXPECT_THAT(pub_sub, AllOf(StartsWith("id=2 "), Not(HasSubstr("id=1 "))));
  EXPECT_THAT(redis.Send("a", "CLIENT LIST TYPE normal").text,
              AllOf(StartsWith("id=1 "), Not(HasSubstr("id=2 "))));
  EXPECT_EQ(redis.Run("a", "CLIENT LIST TYPE replica"), "\"\"");
  EXPECT_EQ(redis.Run("a", "CLIENT LIST TYPE foo"), "(error) ERR Unknown client type 'foo'");
  const std::string by_id = redis.Send("a", "CLIENT LIST ID 2 99 1").text;
  EXPECT_THAT(by_id, AllOf(StartsWith("id=2 "), HasSubstr("\nid=1 ")));
  EXPECT_EQ(redis.Run("a", "CLIENT LIST ID 1 x"), "(error) ERR Invalid client ID");
  EXPECT_EQ(redis.Run("a", "CLIENT LIST ID"), "(error) ERR syntax error");
  EXPECT_EQ(redis.Run("a", "CLIENT LIST FOO"), "(error) ERR syntax error");
}

TEST(Client, KillByAddressAnswersOk) {
  ServerTester redis;
  redis.session("a");
  redis.session("b");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL 127.0.0.1:1"), "(error) ERR No such client");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL 127.0.0.1:50002"), "OK");
  EXPECT_FALSE(redis.connected("b"));
  EXPECT_EQ(redis.Run("a", "CLIENT KILL 127.0.0.1:50001"), "OK");
  EXPECT_FALSE(redis.connected("a"));
}

TEST(Client, KillByFiltersCounts) {
  ServerTester redis;
  for (std::string_view client : {"a", "b", "c", "d"}) redis.session(client);
  redis.Exchange("c", "SUBSCRIBE x\r\n");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL ID " + Id(redis, "b") + " TYPE pubsub"), "(integer) 0");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL ID " + Id(redis, "b")), "(integer) 1");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL TYPE pubsub USER default"), "(integer) 1");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL LADDR 127.0.0.1:6379 ADDR 127.0.0.1:50001"), "(integer) 0");
  EXPECT_TRUE(redis.connected("d"));
  EXPECT_EQ(redis.Run("a", "CLIENT KILL LADDR 127.0.0.1:6379 SKIPME no"), "(integer) 2");
  for (std::string_view client : {"a", "b", "c", "d"}) EXPECT_FALSE(redis.connected(client));
}

TEST(Client, KillRefusesBadFilters) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CLIENT KILL ID 0"), "(error) ERR client-id should be greater than 0");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL ID x"), "(error) ERR client-id should be greater than 0");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL TYPE x"), "(error) ERR Unknown client type 'x'");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL USER x"), "(error) ERR No such user 'x'");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL SKIPME x"), "(error) ERR syntax error");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL FOO x"), "(error) ERR syntax error");
  EXPECT_EQ(redis.Run("a", "CLIENT KILL ID 5 ADDR"), "(error) ERR syntax error");
}

TEST(Client, KillFromATransactionEndsIt) {
  ServerTester redis;
  redis.Exchange("a", "MULTI\r\nSET k v\r\nCLIENT KILL TYPE normal SKIPME no\r\n");
  EXPECT_EQ(redis.Exchange("a", "EXEC\r\n"), "*2\r\n+OK\r\n:1\r\n");
  EXPECT_FALSE(redis.connected("a"));
  EXPECT_EQ(redis.Run("b", "GET k"), "\"v\"");
}

TEST(Client, ReplyTurnsRepliesOffAndOn) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "CLIENT REPLY SKIP\r\nSET k 1\r\nGET k\r\n"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.Exchange("a",
                           "CLIENT REPLY OFF\r\nPING\r\nNOPE\r\nCLIENT REPLY SKIP\r\nPING\r\n"
                           "CLIENT REPLY foo\r\n"),
            "");
  EXPECT_EQ(redis.Exchange("a", "CLIENT REPLY ON\r\nPING\r\n"), "+OK\r\n+PONG\r\n");
  EXPECT_EQ(redis.Run("a", "CLIENT REPLY foo"), "(error) ERR syntax error");
}

TEST(Client, SkipConcernsTheNextCommandThatIsNoSkip) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "CLIENT REPLY SKIP\r\nCLIENT REPLY SKIP\r\nPING\r\nECHO x\r\n"),
            "$1\r\nx\r\n");
  EXPECT_EQ(redis.Exchange("a", "CLIENT REPLY SKIP\r\nCLIENT REPLY foo\r\nECHO x\r\n"),
            "$1\r\nx\r\n");
}

TEST(Client, PauseHoldsBackWritesOnly) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CLIENT PAUSE 1000 WRITE"), "OK");
  EXPECT_EQ(redis.Run("b", "GET k"), "(nil)");
  EXPECT_EQ(redis.Exchange("b", "SET k v\r\nGET k\r\n"), "");
  redis.Advance(999'000);
  EXPECT_EQ(redis.Take("b"), "");
  redis.Advance(2'000);
  EXPECT_EQ(redis.Take("b"), "+OK\r\n$1\r\nv\r\n");
}

TEST(Client, PauseHoldsBackEverythingUntilUnpause) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CLIENT PAUSE 100000"), "OK");
  EXPECT_EQ(redis.Exchange("b", "PING\r\n"), "");
  redis.Advance(100'001'000);
  EXPECT_EQ(redis.Take("b"), "+PONG\r\n");
  EXPECT_EQ(redis.Run("b", "CLIENT PAUSE 100000 write"), "OK");
  EXPECT_EQ(redis.Exchange("a", "SET k v\r\n"), "");
  EXPECT_EQ(redis.Run("b", "CLIENT UNPAUSE"), "OK");
  redis.Advance(1000);
  EXPECT_EQ(redis.Take("a"), "+OK\r\n");
}

TEST(Client, PauseChecksItsArguments) {
  ServerTester redis;
  EXPECT_EQ(redis.Run("a", "CLIENT PAUSE x"),
            "(error) ERR timeout is not an integer or out of range");
  EXPECT_EQ(redis.Run("a", "CLIENT PAUSE -1"), "(error) ERR timeout is negative");
  EXPECT_EQ(redis.Run("a", "CLIENT PAUSE 1 foo"),
            "(error) ERR CLIENT PAUSE mode must be WRITE or ALL");
  EXPECT_EQ(redis.Run("a", "CLIENT PAUSE 1 ALL x"),
            "(error) ERR unknown subcommand or wrong number of arguments for 'PAUSE'. Try CLIENT "
            "HELP.");
}

TEST(Client, UnblockEndsAWait) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "WAIT 1 0\r\nPING\r\n"), "");
  const std::string id = Id(redis, "a");
  EXPECT_EQ(redis.Run("b", "CLIENT UNBLOCK " + id + " FOO"),
            "(error) ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
  EXPECT_EQ(redis.Run("b", "CLIENT UNBLOCK " + id), "(integer) 1");
  redis.Advance(1000);
  EXPECT_EQ(redis.Take("a"), ":0\r\n+PONG\r\n");
  EXPECT_EQ(redis.Run("b", "CLIENT UNBLOCK " + id), "(integer) 0");
  EXPECT_EQ(redis.Exchange("a", "WAIT 1 0\r\n"), "");
  EXPECT_EQ(redis.Run("b", "CLIENT UNBLOCK " + id + " ERROR"), "(integer) 1");
  redis.Advance(1000);
  EXPECT_EQ(redis.Take("a"), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
  EXPECT_EQ(redis.Run("b", "CLIENT UNBLOCK 99"), "(integer) 0");
  EXPECT_EQ(redis.Run("b", "CLIENT UNBLOCK 99 ERROR x"),
            "(error) ERR unknown subcommand or wrong number of arguments for 'UNBLOCK'. Try CLIENT "
            "HELP.");
  EXPECT_EQ(redis.Run("b", "CLIENT UNBLOCK x"),
            "(error) ERR value is not an integer or out of range");
}

TEST(Client, TrackingIsOff) {
  ServerTester redis;
  EXPECT_EQ(redis.Exchange("a", "CLIENT TRACKINGINFO\r\n"),
            "*6\r\n$5\r\nflags\r\n*1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n"
            "*0\r\n");
  redis.Send("a", "HELLO 3");
  EXPECT_EQ(redis.Exchange("a", "CLIENT TRACKINGINFO\r\n"),
            "%3\r\n$5\r\nflags\r\n~1\r\n$3\r\noff\r\n$8\r\nredirect\r\n:-1\r\n$8\r\nprefixes\r\n"
            "*0\r\n");
  EXPECT_EQ(redis.Run("a", "CLIENT GETREDIR"), "(integer) -1");
}

TEST(Client, SwitchesAreOnOrOff) {
  ServerTester redis;
  for (std::string_view command : {"CLIENT NO-EVICT ", "CLIENT NO-TOUCH "}) {
    EXPECT_EQ(redis.Run("a", std::string(command) + "on"), "OK");
    EXPECT_EQ(redis.Run("a", std::string(command) + "OFF"), "OK");
    EXPECT_EQ(redis.Run("a", std::string(command) + "x"), "(error) ERR syntax error");
  }
}

}  // namespace
}  // namespace cartwheel::server
