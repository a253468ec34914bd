// cluster-redirect, on four nodes of which two hold each key.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/cluster_errors.h"
#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Redirect : public testing::Test {
 protected:
  Redirect() {
    for (size_t at = 0; at < kNodes; ++at) {
      for (size_t of = 0; of < kNodes; ++of) {
        if (at != of) cluster_.at(at).server().LearnClientAddress(ClusterTester::IdOf(of), At(of));
      }
    }
  }

  static constexpr size_t kNodes = 4;
  static ClientAddress At(size_t node) {
    return {.host = "10.0.0." + std::to_string(node + 1), .port = 7000 + static_cast<int>(node)};
  }
  static std::string MovedTo(std::string_view key, size_t node) {
    return "(error) " + Moved(cluster::SlotOf(key), At(node));
  }
  static Config Redirecting() {
    Config config = ServerTester::InMemory();
    config.cluster_redirect = true;
    config.cluster_outside_port = 90;
    config.cluster_outside_ip = "docker.test";
    return config;
  }
  // A key that none of them holds but these.
  std::string KeyWithOwners(size_t first, size_t second) {
    for (int i = 0;; ++i) {
      const std::string key = "k" + std::to_string(i);
      const auto nodes = cluster_.NodesFor(key);
      if (nodes[0] == first && nodes[1] == second) return key;
    }
  }

  ClusterTester cluster_{
      kNodes, {.n = 2, .r = 1, .w = 2}, Redirecting(), {At(0), At(1), At(2), At(3)}};
  const std::string elsewhere_ = KeyWithOwners(1, 2);  // not at node 0
};

TEST_F(Redirect, WhoDoesNotHoldAKeyNamesItsFirstOwner) {
  EXPECT_EQ(cluster_.Run(0, "SET " + elsewhere_ + " v"), MovedTo(elsewhere_, 1));
  EXPECT_EQ(cluster_.Run(3, "GET " + elsewhere_), MovedTo(elsewhere_, 1));
  EXPECT_EQ(cluster_.Run(1, "SET " + elsewhere_ + " v"), "OK");
  EXPECT_EQ(cluster_.Run(2, "GET " + elsewhere_), "\"v\"") << "any owner serves it";
  EXPECT_EQ(cluster_.Run(0, "DYN.QUORUM R 2 GET " + elsewhere_), MovedTo(elsewhere_, 1));
  EXPECT_EQ(cluster_.Run(0, "WATCH " + elsewhere_), MovedTo(elsewhere_, 1));
  EXPECT_THAT(cluster_.Run(0, "INFO errorstats"), HasSubstr("errorstat_MOVED:count=3"));
}

TEST_F(Redirect, ALostOwnerIsNotNamed) {
  cluster_.CutOff(1);
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), MovedTo(elsewhere_, 2));
  cluster_.CutOff(2);
  EXPECT_EQ(cluster_.Run(0, "DYN.QUORUM W 1 SET " + elsewhere_ + " v"), "OK")
      << "nobody else is there: it stands in";
}

TEST_F(Redirect, WhoHasNotToldItsAddressIsNotNamed) {
  cluster_.at(0).server().LearnClientAddress(ClusterTester::IdOf(1), {});
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), MovedTo(elsewhere_, 2));
  cluster_.at(0).server().LearnClientAddress(ClusterTester::IdOf(2), {});
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), "(nil)");
}

TEST_F(Redirect, KeysOfSeveralSlotsAreRefusedWhereverTheyAre) {
  const std::string here = KeyWithOwners(0, 1);
  const std::string cross = "(error) " + std::string(kCrossSlot);
  EXPECT_EQ(cluster_.Run(0, "MGET " + here + " " + elsewhere_), cross);
  EXPECT_EQ(cluster_.Run(1, "MSET " + here + " 1 " + elsewhere_ + " 2"), cross)
      << "though it holds both";
  EXPECT_EQ(cluster_.Run(1, "DEL " + here + " {" + here + "}2"), "(integer) 0");
  EXPECT_EQ(cluster_.Run(0, "MGET " + elsewhere_ + " {" + elsewhere_ + "}2"),
            MovedTo(elsewhere_, 1));
}

TEST_F(Redirect, WhatHasNoKeysStays) {
  for (const char* line : {"PING", "DBSIZE", "SCAN 0", "KEYS *", "PUBLISH c m", "SPUBLISH c m"}) {
    EXPECT_THAT(cluster_.Run(0, line), testing::Not(StartsWith("(error)"))) << line;
  }
}

TEST_F(Redirect, ACommandThatIsNotQueuedAbortsTheTransaction) {
  EXPECT_EQ(cluster_.Run(0, "MULTI"), "OK");
  EXPECT_EQ(cluster_.Run(0, "SET " + elsewhere_ + " v"), MovedTo(elsewhere_, 1));
  EXPECT_THAT(cluster_.Run(0, "EXEC"), StartsWith("(error) EXECABORT"));
  EXPECT_EQ(cluster_.Run(1, "GET " + elsewhere_), "(nil)");
}

TEST_F(Redirect, ATransactionIsOfOneSlot) {
  const std::string here = KeyWithOwners(0, 1);
  const std::string other = KeyWithOwners(3, 0);
  EXPECT_EQ(cluster_.Run(0, "MULTI"), "OK");
  EXPECT_EQ(cluster_.Run(0, "SET " + here + " v"), "QUEUED");
  EXPECT_EQ(cluster_.Run(0, "SET " + other + " v"), "QUEUED");
  EXPECT_EQ(cluster_.Run(0, "EXEC"), "(error) " + std::string(kCrossSlot));
  EXPECT_EQ(cluster_.Run(0, "EXEC"), "(error) ERR EXEC without MULTI");
  EXPECT_EQ(cluster_.Run(0, "GET " + here), "(nil)");
}

TEST_F(Redirect, AskingIsAboutTheNextCommand) {
  EXPECT_EQ(cluster_.Run(0, "ASKING"), "OK");
  EXPECT_EQ(cluster_.Run(0, "SET " + elsewhere_ + " v"), "OK");
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), MovedTo(elsewhere_, 1));
  EXPECT_EQ(cluster_.Run(0, "ASKING"), "OK");
  EXPECT_EQ(cluster_.Run(0, "PING"), "PONG");
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), MovedTo(elsewhere_, 1));
}

TEST_F(Redirect, AskingIsAboutAWholeTransaction) {
  EXPECT_EQ(cluster_.Run(0, "ASKING"), "OK");
  EXPECT_EQ(cluster_.Run(0, "MULTI"), "OK");
  EXPECT_EQ(cluster_.Run(0, "PING"), "QUEUED");
  EXPECT_EQ(cluster_.Run(0, "SET " + elsewhere_ + " v"), "QUEUED");
  EXPECT_EQ(cluster_.Run(0, "EXEC"), "1) PONG\n2) OK");
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), MovedTo(elsewhere_, 1));
}

TEST_F(Redirect, ReadOnlyIsAboutWhatReads) {
  EXPECT_EQ(cluster_.Run(0, "READONLY"), "OK");
  EXPECT_THAT(cluster_.Run(0, "CLIENT INFO"), HasSubstr(" flags=r "));
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), "(nil)");
  EXPECT_EQ(cluster_.Run(0, "SET " + elsewhere_ + " v"), MovedTo(elsewhere_, 1));
  EXPECT_EQ(cluster_.Run(0, "MULTI"), "OK");
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), "QUEUED");
  EXPECT_EQ(cluster_.Run(0, "EXEC"), "1) (nil)");
  EXPECT_EQ(cluster_.Run(0, "READWRITE"), "OK");
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), MovedTo(elsewhere_, 1));
  EXPECT_EQ(cluster_.Run(0, "READONLY"), "OK");
  EXPECT_EQ(cluster_.Run(0, "RESET"), "RESET");
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), MovedTo(elsewhere_, 1));
}

TEST_F(Redirect, WhoIsSentAwayTwiceInVainIsServed) {
  const std::string set = "SET " + elsewhere_ + " v";
  EXPECT_EQ(cluster_.Run(0, set), MovedTo(elsewhere_, 1));
  EXPECT_EQ(cluster_.Run(0, set), MovedTo(elsewhere_, 1));
  EXPECT_EQ(cluster_.Run(0, set), "OK");
  EXPECT_EQ(cluster_.Run(0, set), "OK") << "it still cannot go there";
  EXPECT_EQ(cluster_.Run(0, "GET " + elsewhere_), MovedTo(elsewhere_, 1)) << "not the same";
  EXPECT_EQ(cluster_.Run(0, set), MovedTo(elsewhere_, 1)) << "nor in a row";
}

TEST_F(Redirect, WhoComesFromOutsideIsSentToTheHostOutside) {
  cluster_.at(0).Connect(
      "far", {.address = "127.0.0.1:50000", .local_address = "127.0.0.1:90", .loopback = true});
  EXPECT_EQ(cluster_.Run(0, "far", "GET " + elsewhere_),
            "(error) " + Moved(cluster::SlotOf(elsewhere_), {"docker.test", At(1).port}));
}

TEST_F(Redirect, WhatIsSentAtOnceIsSentAwayAsOften) {
  const std::string increment = "INCR " + elsewhere_ + "\r\n";
  cluster_.at(0).Receive("a", increment + increment + increment + increment);
  cluster_.Settle();
  const std::string moved = "-" + Moved(cluster::SlotOf(elsewhere_), At(1)) + "\r\n";
  EXPECT_EQ(cluster_.at(0).Take("a"), moved + moved + moved + moved);
}

TEST_F(Redirect, ATransactionIsSentAwayAsOftenAsItIsTried) {
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(cluster_.Run(0, "MULTI"), "OK");
    EXPECT_EQ(cluster_.Run(0, "SET " + elsewhere_ + " v"), MovedTo(elsewhere_, 1));
    EXPECT_THAT(cluster_.Run(0, "EXEC"), StartsWith("(error) EXECABORT"));
  }
}

TEST_F(Redirect, IsSwitchedOffWithoutARestart) {
  EXPECT_EQ(cluster_.Run(0, "CONFIG SET cluster-redirect no"), "OK");
  EXPECT_EQ(cluster_.Run(0, "SET " + elsewhere_ + " v"), "OK");
  EXPECT_EQ(cluster_.Run(0, "MGET " + elsewhere_ + " another"), "1) \"v\"\n2) (nil)");
  EXPECT_EQ(cluster_.Run(1, "MGET " + elsewhere_ + " another"),
            "(error) " + std::string(kCrossSlot))
      << "each node for itself";
}

TEST(RedirectAlone, ANodeAloneIgnoresIt) {
  Config config = ServerTester::InMemory();
  config.cluster_redirect = true;
  ServerTester redis(config);
  EXPECT_EQ(redis.Run("a", "MSET a 1 b 2"), "OK");
}

}  // namespace
}  // namespace cartwheel::server
