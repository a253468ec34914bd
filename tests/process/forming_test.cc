// Real nodes that find each other: any number, started in any order, with the same list.
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cluster/random.h"
#include "tests/process/client.h"
#include "tests/process/server_process.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class FormingNodes {
 public:
  explicit FormingNodes(size_t nodes, const std::string& secret = "of this test alone") {
    for (size_t i = 0; i < nodes; ++i) {
      ports_.push_back(FreePort());
      list_ += (i == 0 ? "" : ",") + ("127.0.0.1:" + std::to_string(ports_.back()));
    }
    secret_ = secret;
    servers_.resize(nodes);
  }

  std::vector<std::string> OptionsOf(size_t node) const {
    return {"--cluster-join",   list_,  "--cluster-port", std::to_string(ports_[node]),
            "--cluster-secret", secret_};
  }
  // Returns once it answers clients.
  void Start(size_t node) {
    if (servers_[node] == nullptr) {
      servers_[node] = std::make_unique<ServerProcess>(OptionsOf(node));
    } else {
      servers_[node]->Start();
    }
  }
  ServerProcess& at(size_t node) { return *servers_[node]; }
  const std::string& list() const { return list_; }
  int cluster_port(size_t node) const { return ports_[node]; }
  size_t size() const { return servers_.size(); }

  // All that run say the same: so many members, and one id of the cluster.
  bool AreOne(size_t members) {
    std::string cluster;
    for (const auto& server : servers_) {
      if (server == nullptr || !server->run().running()) continue;
      Client client(server->port());
      if (!HasLine(client.Call({"CLUSTER", "INFO"}), "cluster_known_nodes", members)) return false;
      if (!HasLine(client.Call({"CLUSTER", "INFO"}), "cluster_nodes_lost", 0)) return false;
      const std::string id = client.Call({"CLUSTER", "MYID"}).substr(0, 16);
      if (!cluster.empty() && cluster != id) return false;
      cluster = id;
    }
    return !cluster.empty();
  }

 private:
  static bool HasLine(const std::string& info, const std::string& name, size_t value) {
    return info.find(name + ":" + std::to_string(value) + "\r\n") != std::string::npos;
  }

  std::vector<int> ports_;
  std::string list_;
  std::string secret_;
  std::vector<std::unique_ptr<ServerProcess>> servers_;
};

// CARTWHEEL_FORMINGS: how many runs, instead of a few, each held to five seconds. Otherwise the
// machine may be busy with other tests, and the time is only told.
TEST(Forming, AnyNumberInAnyOrderIsOneClusterSoon) {
  const char* const asked = std::getenv("CARTWHEEL_FORMINGS");
  const int runs = asked == nullptr ? 3 : std::atoi(asked);
  cluster::Random random(7);
  for (int run = 0; run < runs; ++run) {
    FormingNodes nodes(3 + random.Below(7));
    std::vector<size_t> order(nodes.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random.Below(i + 1)]);
    for (const size_t node : order) nodes.Start(node);
    const auto began = std::chrono::steady_clock::now();
    ASSERT_TRUE(Eventually([&] { return nodes.AreOne(nodes.size()); }))
        << nodes.size() << " nodes\n"
        << nodes.at(order.back()).log();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << nodes.size() << " nodes: " << took.count() << " s after the last start\n";
    if (asked != nullptr) {
      EXPECT_LT(took.count(), 5) << nodes.size() << " nodes";
    }
    Client client(nodes.at(order.front()).port());
    EXPECT_EQ(client.Call({"DYN.QUORUM", "W", "3", "SET", "k", "v"}), "OK");
    Client other(nodes.at(order.back()).port());
    EXPECT_EQ(other.Call({"GET", "k"}), "v");
  }
}

TEST(Forming, MembersStayMembersThroughKillsAndRestarts) {
  FormingNodes nodes(3);
  for (size_t i = 0; i < 3; ++i) nodes.Start(i);
  ASSERT_TRUE(Eventually([&] { return nodes.AreOne(3); }));
  {
    Client client(nodes.at(0).port());
    EXPECT_EQ(client.Call({"SET", "k", "v"}), "OK");
  }
  for (size_t i = 0; i < 3; ++i) nodes.at(i).Kill();
  for (const size_t node : {2U, 0U, 1U}) nodes.Start(node);
  ASSERT_TRUE(Eventually([&] { return nodes.AreOne(3); })) << nodes.at(0).log();
  Client client(nodes.at(1).port());
  EXPECT_EQ(client.Call({"GET", "k"}), "v");
}

TEST(Forming, WhoHasAnotherSecretIsNotLetInAndIsTold) {
  FormingNodes nodes(2);
  nodes.Start(0);
  auto options = nodes.OptionsOf(1);
  options.back() = "another secret";
  ServerProcess stranger(options);
  EXPECT_TRUE(Eventually([&] {
    return stranger.log().contains("cannot be asked") &&
           nodes.at(0).log().contains("its cluster-secret or cluster-name differs from ours");
  })) << stranger.log()
      << nodes.at(0).log();
  Client client(stranger.port());
  EXPECT_THAT(client.Call({"SET", "k", "v"}), StartsWith("-CLUSTERDOWN"));
}

TEST(Forming, ANodeThatComesWhenThereAreKeysIsToldWhyItWaits) {
  FormingNodes nodes(4);
  for (size_t i = 0; i < 3; ++i) nodes.Start(i);
  ASSERT_TRUE(Eventually([&] { return nodes.AreOne(3); }));
  Client client(nodes.at(0).port());
  EXPECT_EQ(client.Call({"SET", "k", "v"}), "OK");
  nodes.Start(3);
  EXPECT_TRUE(Eventually([&] { return nodes.at(3).log().contains("the cluster holds keys"); }))
      << nodes.at(3).log();
  Client late(nodes.at(3).port());
  EXPECT_THAT(late.Call({"GET", "k"}), StartsWith("-CLUSTERDOWN"));
  EXPECT_EQ(client.Call({"FLUSHALL"}), "OK");
  EXPECT_TRUE(Eventually([&] { return nodes.AreOne(4); })) << nodes.at(3).log();
}

TEST(Forming, AWipedNodeTakesItsOldPlace) {
  FormingNodes nodes(3);
  for (size_t i = 0; i < 3; ++i) nodes.Start(i);
  ASSERT_TRUE(Eventually([&] { return nodes.AreOne(3); }));
  nodes.at(0).Kill();
  ServerProcess anew(nodes.OptionsOf(0));
  EXPECT_TRUE(Eventually([&] {
    Client client(anew.port());
    return client.Call({"CLUSTER", "INFO"}).contains("cluster_known_nodes:3\r\n") &&
           nodes.AreOne(3);
  })) << anew.log()
      << nodes.at(1).log();
  Client client(anew.port());
  EXPECT_EQ(client.Call({"DYN.QUORUM", "W", "3", "SET", "k", "v"}), "OK");
}

TEST(Forming, NodesThatAreToldOfNobodyMeet) {
  std::vector<std::unique_ptr<ServerProcess>> servers;
  std::vector<int> ports;
  for (int i = 0; i < 3; ++i) {
    ports.push_back(FreePort());
    servers.push_back(std::make_unique<ServerProcess>(std::vector<std::string>{
        "--cluster-enabled", "yes", "--cluster-port", std::to_string(ports.back())}));
  }
  Client client(servers[0]->port());
  for (const int i : {1, 2}) {
    EXPECT_EQ(client.Call({"CLUSTER", "MEET", "127.0.0.1", std::to_string(servers[i]->port()),
                           std::to_string(ports[i])}),
              "OK");
  }
  EXPECT_TRUE(Eventually([&] {
    return std::ranges::all_of(servers, [](const auto& server) {
      Client each(server->port());
      return each.Call({"CLUSTER", "INFO"}).contains("cluster_known_nodes:3\r\n");
    });
  })) << servers[0]->log()
      << servers[1]->log() << servers[2]->log();
  EXPECT_THAT(client.Call({"CLUSTER", "MEET", "127.0.0.1", "0"}),
              StartsWith("-ERR Invalid node address"));
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
