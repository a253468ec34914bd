// Real nodes that find each other: any number, started in any order, with the same list.
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <numeric>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/random.h"
#include "tests/process/client.h"
#include "tests/process/server_cluster.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Nodes that look for each other.
ServerCluster::Options Joining() {
  return {.members = ServerCluster::Members::kJoining,
          .of_all = {"--cluster-secret", "of this test alone"}};
}

// CARTWHEEL_FORMINGS: how many runs, instead of a few, each held to five seconds. Otherwise the
// machine may be busy with other tests, and the time is only told.
TEST(Forming, AnyNumberInAnyOrderIsOneClusterSoon) {
  const char* const asked = std::getenv("CARTWHEEL_FORMINGS");
  const int runs = asked == nullptr ? 3 : std::atoi(asked);
  cluster::Random random(7);
  for (int run = 0; run < runs; ++run) {
    const size_t size = 3 + random.Below(7);
    ServerCluster nodes(static_cast<int>(size), Joining());
    std::vector<int> order(size);
    std::iota(order.begin(), order.end(), 1);
    for (size_t i = size - 1; i > 0; --i) std::swap(order[i], order[random.Below(i + 1)]);
    for (const int id : order) nodes.Start(id);
    const auto began = std::chrono::steady_clock::now();
    ASSERT_TRUE(nodes.AwaitOneOf(size)) << size << " nodes\n" << nodes.at(order.back()).log();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << size << " nodes: " << took.count() << " s after the last start\n";
    if (asked != nullptr) {
      EXPECT_LT(took.count(), 5) << size << " nodes";
    }
    Client client = nodes.Connect(order.front());
    EXPECT_EQ(client.Call({"DYN.QUORUM", "W", "3", "SET", "k", "v"}), "OK");
    Client other = nodes.Connect(order.back());
    EXPECT_EQ(other.Call({"GET", "k"}), "v");
  }
}

TEST(Forming, MembersStayMembersThroughKillsAndRestarts) {
  ServerCluster nodes(3, Joining());
  nodes.StartAll();
  ASSERT_TRUE(nodes.AwaitOneOf(3));
  EXPECT_EQ(nodes.Connect(1).Call({"SET", "k", "v"}), "OK");
  for (const int id : {1, 2, 3}) nodes.Kill(id);
  for (const int id : {3, 1, 2}) nodes.Start(id);
  ASSERT_TRUE(nodes.AwaitOneOf(3)) << nodes.at(1).log();
  EXPECT_EQ(nodes.Connect(2).Call({"GET", "k"}), "v");
}

TEST(Forming, WhoHasAnotherSecretIsNotLetInAndIsTold) {
  ServerCluster nodes(2, Joining());
  nodes.Start(1);
  nodes.Start(2, {"--cluster-secret", "another secret"});
  EXPECT_TRUE(Eventually([&] {
    return nodes.at(2).log().contains("cannot be asked") &&
           nodes.at(1).log().contains("its cluster-secret or cluster-name differs from ours");
  })) << nodes.at(2).log()
      << nodes.at(1).log();
  EXPECT_THAT(nodes.Connect(2).Call({"SET", "k", "v"}), StartsWith("-CLUSTERDOWN"));
}

TEST(Forming, ANodeThatComesWhenThereAreKeysServesClientsAndWaitsForItsShare) {
  ServerCluster nodes(4, Joining());
  for (const int id : {1, 2, 3}) nodes.Start(id);
  ASSERT_TRUE(nodes.AwaitOneOf(3));
  Client client = nodes.Connect(1);
  EXPECT_EQ(client.Call({"SET", "k", "v"}), "OK");
  nodes.Start(4);
  EXPECT_TRUE(nodes.AwaitOneOf(4)) << nodes.at(4).log();
  EXPECT_EQ(nodes.Connect(4).Call({"GET", "k"}), "v");
  EXPECT_THAT(client.Call({"CLUSTER", "PLAN"}), HasSubstr("  joins\n"));
}

TEST(Forming, AWipedNodeTakesItsOldPlace) {
  ServerCluster nodes(3, Joining());
  nodes.StartAll();
  ASSERT_TRUE(nodes.AwaitOneOf(3));
  nodes.Kill(1);
  ServerProcess anew(nodes.OptionsOf(1));
  Client client(anew.port());
  EXPECT_TRUE(Eventually([&] {
    return client.Call({"CLUSTER", "INFO"}).contains("cluster_known_nodes:3\r\n");
  })) << anew.log();
  EXPECT_TRUE(nodes.AwaitOneOf(3)) << anew.log() << nodes.at(2).log();
  EXPECT_EQ(client.Call({"DYN.QUORUM", "W", "3", "SET", "k", "v"}), "OK");
}

TEST(Forming, NodesThatAreToldOfNobodyMeet) {
  ServerCluster nodes(3, {.members = ServerCluster::Members::kUnacquainted});
  nodes.StartAll();
  Client client = nodes.Connect(1);
  for (const int id : {2, 3}) {
    EXPECT_EQ(client.Call({"CLUSTER", "MEET", "127.0.0.1", std::to_string(nodes.at(id).port()),
                           std::to_string(nodes.cluster_port(id))}),
              "OK");
  }
  EXPECT_TRUE(nodes.AwaitOneOf(3)) << nodes.at(1).log() << nodes.at(2).log() << nodes.at(3).log();
  EXPECT_THAT(client.Call({"CLUSTER", "MEET", "127.0.0.1", "0"}),
              StartsWith("-ERR Invalid node address"));
}

// As an operator does it, with the node's data kept all along.
TEST(Forming, ANodeThatWasForgottenStaysOutUntilItIsToldToJoin) {
  ServerCluster nodes(3, Joining());
  nodes.StartAll();
  ASSERT_TRUE(nodes.AwaitOneOf(3));
  const std::string id = nodes.Connect(3).Call({"CLUSTER", "MYID"});
  nodes.Kill(3);
  EXPECT_TRUE(Eventually([&] { return nodes.Connect(1).Call({"CLUSTER", "FORGET", id}) == "OK"; }));
  ASSERT_TRUE(nodes.AwaitOneOf(2));
  for (int start = 0; start < 2; ++start) {
    nodes.Start(3);
    EXPECT_TRUE(Eventually([&] {
      return nodes.Connect(3).Call({"GET", "k"}).contains("was taken out of its cluster");
    })) << nodes.at(3).log();
    nodes.Kill(3);
  }
  nodes.Start(3);
  EXPECT_EQ(
      nodes.Connect(3).Call({"CLUSTER", "JOIN", "127.0.0.1", std::to_string(nodes.at(1).port()),
                             std::to_string(nodes.cluster_port(1))}),
      "OK");
  EXPECT_TRUE(nodes.AwaitOneOf(3)) << nodes.at(3).log();
}

// The configuration's list would make it a member at once.
TEST(Forming, WithoutAutoCommitAnOperatorDecidesWhenNodesGetTheirShare) {
  ServerCluster::Options options = Joining();
  options.of_all.insert(options.of_all.end(), {"--cluster-auto-commit", "no"});
  ServerCluster nodes(3, options);
  nodes.StartAll();
  ASSERT_TRUE(nodes.AwaitOneOf(3));
  Client client = nodes.Connect(2);
  EXPECT_THAT(client.Call({"CLUSTER", "PLAN"}), HasSubstr("copies of a partition: 1 -> 3"));
  EXPECT_THAT(client.Call({"CLUSTER", "RING"}), HasSubstr("1 copy of each"));
  EXPECT_EQ(client.Call({"CLUSTER", "COMMIT"}), "OK");
  EXPECT_TRUE(Eventually([&] {
    return client.Call({"CLUSTER", "RING"}).contains("3 copies of each");
  })) << client.Call({"CLUSTER", "PLAN"});
  EXPECT_EQ(client.Call({"DYN.QUORUM", "W", "3", "SET", "k", "v"}), "OK");
}

TEST(Forming, OptionsThatDoNotGoTogetherAreRefused) {
  const auto both = RunToEnd({"--port", std::to_string(FreePort()), "--cluster-join", "a:1",
                              "--cluster-nodes", "1=a:1", "--cluster-self", "1"});
  EXPECT_THAT(both.errors, HasSubstr("cluster-nodes: the list of a cluster that never changes"));
  const auto ill = RunToEnd({"--cluster-join", "a"});
  EXPECT_THAT(ill.errors, HasSubstr("--cluster-join: a: not of the form HOST:PORT"));
  const auto high = RunToEnd({"--port", "60000", "--cluster-enabled", "yes"});
  EXPECT_THAT(high.errors, HasSubstr("cluster-port"));
}

}  // namespace
}  // namespace cartwheel
