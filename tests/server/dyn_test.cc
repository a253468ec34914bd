// DYN.GET, DYN.SET, DYN.DEL: siblings and contexts, as clients use them.
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/server.h"
#include "tests/cluster/random.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

constexpr std::string_view kBadContext =
    "(error) BADCTX the context is of another key or cluster, or damaged; get one with DYN.GET";

class DynTest : public ::testing::Test {
 protected:
  std::string Run(std::string_view line, std::string_view client = "alice") {
    return redis_.Run(client, line);
  }
  std::vector<std::string> Siblings(std::string_view key) {
    std::vector<std::string> values;
    const resp::Reply reply = redis_.Send("reader", Line("DYN.GET", key));
    for (const resp::Reply& value : reply.elements[1].elements) {
      values.push_back(value.text);
    }
    return values;
  }
  std::string Context(std::string_view key) {
    return redis_.Send("reader", Line("DYN.GET", key)).elements[0].text;
  }
  // The context of the reply, "" after an error.
  std::string Set(std::string_view key, std::string_view value, std::string_view context = "",
                  std::string_view client = "alice") {
    std::vector<std::string> args = {"DYN.SET", std::string(key), std::string(value)};
    if (!context.empty()) args.insert(args.end(), {"CONTEXT", std::string(context)});
    const resp::Reply reply = redis_.SendArgs(client, args);
    if (reply.elements.size() != 2) return "";
    EXPECT_EQ(reply.elements[0].text, "OK");
    return reply.elements[1].text;
  }
  static std::string Line(std::string_view command, std::string_view key) {
    return std::string(command) + " " + std::string(key);
  }
  uint64_t InfoOf(std::string_view field) {
    const std::string info = redis_.Send("info", "INFO dynamo").text;
    const size_t at = info.find(std::string(field) + ":");
    EXPECT_NE(at, std::string::npos) << info;
    return std::stoull(info.substr(at + field.size() + 1));
  }

  ServerTester redis_;
};

// ---- DYN.GET

TEST_F(DynTest, AKeyThatIsNotThereHasAContext) {
  EXPECT_THAT(Siblings("k"), IsEmpty());
  const std::string context = Context("k");
  EXPECT_FALSE(context.empty());
  Set("k", "first", context);
  EXPECT_THAT(Siblings("k"), ElementsAre("first"));
  EXPECT_EQ(Run("DYN.GET"), "(error) ERR wrong number of arguments for 'dyn.get' command");
}

TEST_F(DynTest, GetShowsWhatPlainCommandsWrote) {
  Run("SET k plain");
  EXPECT_THAT(Siblings("k"), ElementsAre("plain"));
  Run("INCRBY n 5");
  EXPECT_THAT(Siblings("n"), ElementsAre("5"));
  Run("SET n 40");
  Run("INCR n");
  EXPECT_THAT(Siblings("n"), ElementsAre("41"));
}

TEST_F(DynTest, GetOfResp3SaysWhenAndHowLong) {
  redis_.Send("alice", "HELLO 3");
  Run("SET k v PX 1500");
  const resp::Reply reply = redis_.Send("alice", "DYN.GET k");
  ASSERT_EQ(reply.type, resp::Reply::Type::kMap);
  ASSERT_EQ(reply.elements.size(), 4U);
  EXPECT_EQ(reply.elements[0].text, "context");
  EXPECT_EQ(reply.elements[1].text, Context("k"));
  EXPECT_EQ(reply.elements[2].text, "siblings");
  ASSERT_EQ(reply.elements[3].elements.size(), 1U);
  EXPECT_EQ(
      resp::ToString(reply.elements[3].elements[0]),
      "1# \"value\" => \"v\"\n2# \"hlc\" => \"1700000000000.0\"\n3# \"ttl\" => (integer) 1500");
  Run("PERSIST k");
  EXPECT_THAT(Run("DYN.GET k"), HasSubstr("\"ttl\" => (integer) -1"));
}

TEST_F(DynTest, AContextIsATextThatSurvivesUtf8) {
  for (int i = 0; i < 50; ++i) Set("k", "v" + std::to_string(i));
  EXPECT_EQ(Context("k").find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                           "0123456789-_"),
            std::string::npos);
}

// ---- DYN.SET

TEST_F(DynTest, WithoutAContextASetSupersedesNothing) {
  Set("k", "one");
  redis_.Advance(5000);
  Set("k", "two");
  EXPECT_THAT(Siblings("k"), ElementsAre("two", "one"));
  EXPECT_EQ(Run("GET k"), "\"two\"") << "plain commands are shown the latest";
  EXPECT_EQ(Run("EXISTS k"), "(integer) 1");
  EXPECT_EQ(Run("DBSIZE"), "(integer) 1");
}

TEST_F(DynTest, WithAContextASetSupersedesWhatWasRead) {
  Set("k", "one");
  Set("k", "two");
  const std::string both = Context("k");
  Set("k", "three");
  Set("k", "merged", both);
  EXPECT_THAT(Siblings("k"), UnorderedElementsAre("merged", "three"));
}

TEST_F(DynTest, APlainSetSupersedesAllThatIsHere) {
  Set("k", "one");
  Set("k", "two");
  Run("SET k plain");
  EXPECT_THAT(Siblings("k"), ElementsAre("plain"));
}

TEST_F(DynTest, TheContextOfASetCoversIt) {
  std::string context = Set("k", "one");
  for (int i = 0; i < 100; ++i) context = Set("k", std::to_string(i), context);
  EXPECT_THAT(Siblings("k"), ElementsAre("99"));
}

TEST_F(DynTest, TheContextOfASetCoversNoSiblingThatItsWriterHasNotRead) {
  Set("k", "unseen");
  const std::string context = Set("k", "mine");
  Set("k", "mine too", context);
  EXPECT_THAT(Siblings("k"), UnorderedElementsAre("mine too", "unseen"));
}

TEST_F(DynTest, AContextMaySupersedeLongAfterTheKeyWasDeleted) {
  Set("k", "one");
  const std::string context = Context("k");
  Run("DEL k");
  Run("SET k other");
  Set("k", "late", context);
  EXPECT_THAT(Siblings("k"), UnorderedElementsAre("late", "other"));
}

TEST_F(DynTest, IncrementsThatWereNotSeenSurviveASet) {
  Run("INCRBY n 5");
  const std::string context = Context("n");
  Run("INCRBY n 2");
  Set("n", "100", context);
  EXPECT_EQ(Run("GET n"), "\"102\"");
  const std::string seen = Context("n");
  Set("n", "7", seen);
  EXPECT_EQ(Run("GET n"), "\"7\"");
}

TEST_F(DynTest, IncrementsBesideASetAreNotSeenByItsContext) {
  const std::string context = Set("n", "100");
  Run("INCRBY n 5");
  const std::string again = Set("n", "200", context);
  EXPECT_EQ(Run("GET n"), "\"205\"");
  Set("n", "300", again);
  EXPECT_EQ(Run("GET n"), "\"305\"");
  Set("n", "0", Context("n"));
  EXPECT_EQ(Run("GET n"), "\"0\"");
}

TEST_F(DynTest, SetTakesAnExpiry) {
  Run("DYN.SET a v EX 10");
  Run("DYN.SET b v PX 1500");
  Run("DYN.SET c v PXAT 1700000001000");
  Run("DYN.SET d v EXAT 1700000002");
  EXPECT_EQ(Run("PTTL a"), "(integer) 10000");
  EXPECT_EQ(Run("PTTL b"), "(integer) 1500");
  EXPECT_EQ(Run("PTTL c"), "(integer) 1000");
  EXPECT_EQ(Run("PTTL d"), "(integer) 2000");
  Run("DYN.SET a w KEEPTTL CONTEXT " + Context("a"));
  EXPECT_EQ(Run("PTTL a"), "(integer) 10000");
  Run("DYN.SET a w CONTEXT " + Context("a") + " PX 7");
  EXPECT_EQ(Run("PTTL a"), "(integer) 7");
  Set("a", "x", Context("a"));
  EXPECT_EQ(Run("TTL a"), "(integer) -1");
}

TEST_F(DynTest, AnExpiredSiblingIsNotShown) {
  Set("k", "stays");
  redis_.Advance(1000);
  Run("DYN.SET k goes PX 100");
  EXPECT_THAT(Siblings("k"), ElementsAre("goes", "stays"));
  redis_.Advance(200'000);
  EXPECT_THAT(Siblings("k"), ElementsAre("stays"));
  EXPECT_EQ(Run("GET k"), "\"stays\"");
  EXPECT_THAT(Run("DYN.SET past v PXAT 1000"), HasSubstr("OK"));
  EXPECT_THAT(Siblings("past"), IsEmpty());
}

TEST_F(DynTest, SetRefusesWhatItCannotParse) {
  EXPECT_EQ(Run("DYN.SET k"), "(error) ERR wrong number of arguments for 'dyn.set' command");
  for (const char* line : {"DYN.SET k v CONTEXT", "DYN.SET k v NX", "DYN.SET k v GET",
                           "DYN.SET k v EX 1 PX 1", "DYN.SET k v EX", "DYN.SET k v PERSIST",
                           "DYN.SET k v CONTEXT x CONTEXT x", "DYN.SET k v KEEPTTL EX 1"}) {
    EXPECT_EQ(Run(line), "(error) ERR syntax error") << line;
  }
  EXPECT_EQ(Run("DYN.SET k v EX x"), "(error) ERR value is not an integer or out of range");
  EXPECT_EQ(Run("DYN.SET k v EX 0"), "(error) ERR invalid expire time in 'dyn.set' command");
  EXPECT_EQ(Run("DYN.SET k v PX 281474976710655"),
            "(error) ERR invalid expire time in 'dyn.set' command");
  EXPECT_EQ(Run("EXISTS k"), "(integer) 0");
}

TEST_F(DynTest, AContextOfAnotherKeyDatabaseOrNodeIsRefused) {
  Set("k", "v");
  const std::string context = Context("k");
  EXPECT_EQ(Run("DYN.SET other v CONTEXT " + context), kBadContext);
  EXPECT_EQ(Run("DYN.DEL other CONTEXT " + context), kBadContext);
  EXPECT_EQ(Run("DYN.SET k v CONTEXT ''"), kBadContext);
  EXPECT_EQ(Run("DYN.SET k v CONTEXT '" + context + "='"), kBadContext);
  std::string changed = context;
  changed[changed.size() / 2] = changed[changed.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(Run("DYN.SET k v CONTEXT " + changed), kBadContext);
  EXPECT_EQ(InfoOf("dyn_contexts_refused"), 5U);
  Run("SELECT 1");
  EXPECT_EQ(Run("DYN.SET k v CONTEXT " + context), kBadContext);
  EXPECT_THAT(Siblings("k"), ElementsAre("v"));
}

TEST_F(DynTest, TheKeyHas64SiblingsAtMost) {
  for (int i = 0; i < 64; ++i) Set("k", "v" + std::to_string(i));
  EXPECT_EQ(Siblings("k").size(), 64U);
  EXPECT_EQ(Run("DYN.SET k v"),
            "(error) SIBLINGSLIMIT the key has 64 concurrent values; read them with DYN.GET and "
            "write one value with its CONTEXT");
  EXPECT_EQ(InfoOf("siblings_limit_refused"), 1U);
  Set("k", "merged", Context("k"));
  EXPECT_THAT(Siblings("k"), ElementsAre("merged"));
}

TEST_F(DynTest, AContextOfOneOf64SiblingsMakesRoomForOne) {
  const std::string context = Set("k", "mine");
  for (int i = 1; i < 64; ++i) Set("k", "v" + std::to_string(i));
  EXPECT_NE(Set("k", "mine again", context), "");
  EXPECT_EQ(Siblings("k").size(), 64U);
  EXPECT_THAT(Run("DYN.SET k v CONTEXT " + context), StartsWith("(error) SIBLINGSLIMIT"))
      << "what it covers is gone already";
}

TEST_F(DynTest, SiblingsTogetherFitIntoOneRecord) {
  Run("CONFIG SET proto-max-bulk-len 1048576");
  const std::string large(600'000, 'x');
  EXPECT_NE(Set("k", large), "");
  EXPECT_EQ(Set("k", large), "");
  EXPECT_EQ(Siblings("k").size(), 1U);
  EXPECT_EQ(InfoOf("siblings_limit_refused"), 1U);
  EXPECT_NE(Set("k", large, Context("k")), "");
}

// ---- DYN.DEL

TEST_F(DynTest, DelDeletesWhatItsContextHasSeen) {
  Set("k", "one");
  const std::string one = Context("k");
  Set("k", "two");
  EXPECT_EQ(Run("DYN.DEL k CONTEXT " + one), "(integer) 1");
  EXPECT_THAT(Siblings("k"), ElementsAre("two"));
  EXPECT_EQ(Run("DYN.DEL k CONTEXT " + one), "(integer) 0") << "it is gone already";
  EXPECT_EQ(Run("DYN.DEL k CONTEXT " + Context("k")), "(integer) 1");
  EXPECT_EQ(Run("EXISTS k"), "(integer) 0");
  EXPECT_EQ(Run("DYN.DEL k CONTEXT " + Context("k")), "(integer) 0");
}

TEST_F(DynTest, DelOfACounterTakesWhatWasSeen) {
  Run("INCRBY n 5");
  const std::string context = Context("n");
  Run("INCRBY n 2");
  EXPECT_EQ(Run("DYN.DEL n CONTEXT " + context), "(integer) 1");
  EXPECT_EQ(Run("GET n"), "\"2\"");
}

TEST_F(DynTest, DelNeedsAContext) {
  EXPECT_EQ(Run("DYN.DEL k"), "(error) ERR wrong number of arguments for 'dyn.del' command");
  EXPECT_EQ(Run("DYN.DEL k CTX x"), "(error) ERR syntax error");
  EXPECT_EQ(Run("DYN.DEL k CONTEXT x"), kBadContext);
}

// ---- with other clients, in transactions, when the disk fails

TEST_F(DynTest, TouchesWatchers) {
  Run("WATCH k");
  Set("k", "v", "", "bob");
  Run("MULTI");
  EXPECT_EQ(Run("EXEC"), "(nil array)");
  const std::string context = Context("k");
  Run("WATCH k");
  Run("DYN.DEL k CONTEXT " + context, "bob");
  Run("MULTI");
  EXPECT_EQ(Run("EXEC"), "(nil array)");
}

TEST_F(DynTest, WorksInATransaction) {
  Set("k", "one");
  const std::string context = Context("k");
  Run("MULTI");
  EXPECT_EQ(Run("DYN.SET k two CONTEXT " + context), "QUEUED");
  EXPECT_EQ(Run("DYN.GET k"), "QUEUED");
  EXPECT_EQ(Run("DYN.DEL k CONTEXT " + context), "QUEUED");
  const resp::Reply reply = redis_.Send("alice", "EXEC");
  ASSERT_EQ(reply.elements.size(), 3U);
  EXPECT_EQ(reply.elements[0].elements[0].text, "OK");
  EXPECT_EQ(reply.elements[1].elements[1].elements[0].text, "two");
  EXPECT_EQ(reply.elements[2].integer, 0);
}

TEST_F(DynTest, RepliesDependOnTheCommit) {
  redis_.engine().FailCommits(storage::Error::Kind::kNoSpace);
  EXPECT_THAT(Run("DYN.SET k v"), StartsWith("(error) MISCONF"));
  EXPECT_THAT(Siblings("k"), IsEmpty());
}

// Read, change, write with the context: what every application does. However two of them
// interleave, there are never more than two values.
TEST_F(DynTest, TwoClientsWithContextsNeverMakeMoreThanTwoSiblings) {
  cluster::Random random(1);
  std::string contexts[2] = {Context("k"), Context("k")};
  for (int i = 0; i < 2000; ++i) {
    std::string& context = contexts[random.Below(2)];
    if (random.Percent(40)) {
      context = Context("k");
    } else {
      context = Set("k", "v" + std::to_string(i), context);
    }
    ASSERT_LE(Siblings("k").size(), 2U) << i;
    ASSERT_LE(context.size(), 300U) << "contexts do not grow either";
  }
}

TEST_F(DynTest, SevenWritersWithContextsNeverMakeMoreThanSevenSiblings) {
  cluster::Random random(2);
  std::vector<std::string> contexts(7, Context("k"));
  size_t most = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string& context = contexts[random.Below(contexts.size())];
    context = random.Percent(10) ? Context("k") : Set("k", "v" + std::to_string(i), context);
    most = std::max(most, Siblings("k").size());
    ASSERT_LE(context.size(), 1000U) << i;
  }
  EXPECT_LE(most, 7U);
  EXPECT_GT(most, 3U) << "or nothing was concurrent";
}

}  // namespace
}  // namespace cartwheel::server
