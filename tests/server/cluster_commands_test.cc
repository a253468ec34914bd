// CLUSTER and its like, as cluster-aware clients read them.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/cluster_map.h"
#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr size_t kSlots = cluster::kSlotCount;

// Everybody has told where clients reach it.
class ClusterCommands : public testing::Test {
 protected:
  explicit ClusterCommands(const Config& config = {}) : cluster_(3, {}, config, Addresses()) {
    for (size_t at = 0; at < 3; ++at) {
      for (size_t of = 0; of < 3; ++of) {
        if (at != of)
          cluster_.at(at).server().LearnClientAddress(ClusterTester::IdOf(of), AddressOf(of));
      }
    }
  }
  static ClientAddress AddressOf(size_t node) {
    return {.host = "10.0.0." + std::to_string(node + 1), .port = 7000 + static_cast<int>(node)};
  }
  static std::string IdOf(size_t node) { return RedisNodeId(1, ClusterTester::IdOf(node)); }

  // Who is listed for each slot by CLUSTER SLOTS; "" for a hole, "twice" for an overlap.
  std::vector<std::string> SlotsAt(size_t node) {
    std::vector<std::string> slots(kSlots);
    const resp::Reply reply = cluster_.Ask(node, "client", "CLUSTER SLOTS");
    for (const resp::Reply& range : reply.elements) {
      EXPECT_EQ(range.elements.size(), 3U) << "one node, no replicas";
      const resp::Reply& of = range.elements[2];
      EXPECT_EQ(of.elements.size(), 4U);
      for (auto slot = range.elements[0].integer; slot <= range.elements[1].integer; ++slot) {
        std::string& listed = slots.at(static_cast<size_t>(slot));
        listed = listed.empty() ? of.elements[2].text : "twice";
      }
    }
    return slots;
  }
  std::set<std::string> Listed(size_t node) {
    const auto slots = SlotsAt(node);
    return {slots.begin(), slots.end()};
  }

  static std::vector<ClientAddress> Addresses() {
    return {AddressOf(0), AddressOf(1), AddressOf(2)};
  }

  ClusterTester cluster_;
};

TEST_F(ClusterCommands, EverySlotIsListedOnceWithItsFirstOwner) {
  const auto slots = SlotsAt(0);
  const cluster::Ring& ring = cluster_.at(0).server().gateway()->node().ring();
  for (size_t slot = 0; slot < kSlots; ++slot) {
    const auto partition = static_cast<cluster::Partition>(slot / cluster::kSlotsPerPartition);
    ASSERT_EQ(slots[slot], RedisNodeId(1, ring.OwnersOf(partition).front())) << slot;
  }
  EXPECT_EQ(SlotsAt(1), slots) << "wherever it is asked";
}

TEST_F(ClusterCommands, ALostNodeLeavesTheListAndComesBack) {
  cluster_.CutOff(2);
  EXPECT_EQ(Listed(0), (std::set<std::string>{IdOf(0), IdOf(1)}));
  EXPECT_THAT(cluster_.Ask(0, "client", "CLUSTER NODES").text,
              HasSubstr(" master,fail? - 0 0 1 disconnected\n"));
  EXPECT_THAT(cluster_.Run(0, "CLUSTER INFO"), HasSubstr("cluster_nodes_lost:1"));
  EXPECT_EQ(cluster_.Run(0, "CLUSTER COUNT-FAILURE-REPORTS " + IdOf(2)), "(integer) 1");
  cluster_.Advance(6'000'000);
  EXPECT_THAT(cluster_.Ask(0, "client", "CLUSTER NODES").text,
              HasSubstr(" master,fail - 0 0 1 disconnected\n"))
      << "members agree on it";
  cluster_.HealAll();
  EXPECT_EQ(Listed(0), (std::set<std::string>{IdOf(0), IdOf(1), IdOf(2)}));
}

TEST_F(ClusterCommands, NodesAreLinesOfEightFieldsAndSlots) {
  const std::string text = cluster_.Ask(0, "client", "CLUSTER NODES").text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 3);
  EXPECT_THAT(text, HasSubstr(IdOf(0) + " 10.0.0.1:7000@"));
  EXPECT_THAT(text, HasSubstr(IdOf(1) + " 10.0.0.2:7001@"));
  EXPECT_THAT(text, HasSubstr(" myself,master - 0 0 1 connected "));
  const size_t first = text.find("myself");
  EXPECT_EQ(text.find("myself", first + 1), std::string::npos);
}

TEST_F(ClusterCommands, ShardsAreTheNodes) {
  const resp::Reply shards = cluster_.Ask(0, "client", "CLUSTER SHARDS");
  ASSERT_EQ(shards.elements.size(), 3U);
  int64_t slots = 0;
  for (const resp::Reply& shard : shards.elements) {
    ASSERT_EQ(shard.elements.size(), 4U);
    const auto& ranges = shard.elements[1].elements;
    for (size_t i = 0; i < ranges.size(); i += 2) {
      slots += ranges[i + 1].integer - ranges[i].integer + 1;
    }
    EXPECT_EQ(shard.elements[3].elements.size(), 1U);
  }
  EXPECT_EQ(slots, static_cast<int64_t>(kSlots));
}

TEST_F(ClusterCommands, EveryNodeIsAShardOfItsOwn) {
  std::set<std::string> ids;
  for (size_t node = 0; node < 3; ++node) {
    ids.insert(cluster_.Ask(node, "client", "CLUSTER MYSHARDID").text);
    ids.insert(IdOf(node));
  }
  EXPECT_EQ(ids.size(), 6U) << "and no shard is called as a node is";
  EXPECT_EQ(cluster_.Run(1, "CLUSTER MYSHARDID"),
            "\"" + RedisShardId(1, ClusterTester::IdOf(1)) + "\"");
  for (const std::string& id : ids) {
    EXPECT_EQ(id.size(), 40U);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
  }
}

TEST_F(ClusterCommands, TheRingSaysWhoHoldsHowMuch) {
  EXPECT_EQ(cluster_.Ask(0, "client", "CLUSTER RING").text,
            R"(node                address           weight  partitions    share   first  state
no zone             3 nodes                3        3072  100.0 %    1024
  0000000000000001  10.0.0.1:7000@0        1        1024   33.3 %     342  this node
  0000000000000002  10.0.0.2:7001@0        1        1024   33.3 %     341  ok
  0000000000000003  10.0.0.3:7002@0        1        1024   33.3 %     341  ok
total               3 nodes                3        3072  100.0 %    1024  all ok

1024 partitions, 3 copies of each, 3072 in all
on lost nodes: all copies of 0 partitions, some copies of 0 partitions
)");
  cluster_.CutOff(2);
  const std::string text = cluster_.Ask(0, "client", "CLUSTER RING").text;
  EXPECT_THAT(text, HasSubstr("1024   33.3 %     341  lost\n"));
  EXPECT_THAT(text, HasSubstr("1 lost\n"));
  EXPECT_THAT(text, HasSubstr("all copies of 0 partitions, some copies of 1024 partitions\n"));
}

TEST_F(ClusterCommands, WhoHasNotToldItsAddressIsNotListed) {
  cluster_.at(0).server().LearnClientAddress(ClusterTester::IdOf(1), {});
  EXPECT_EQ(Listed(0), (std::set<std::string>{IdOf(0), IdOf(2)}));
}

TEST_F(ClusterCommands, KeysOfASlotAreThoseThatThisNodeHolds) {
  cluster_.Run(0, "SET {a}1 x");
  cluster_.Run(0, "SET {a}2 x");
  cluster_.Run(0, "SET other x");
  const std::string slot = std::to_string(cluster::SlotOf("{a}"));
  EXPECT_EQ(cluster_.Run(1, "CLUSTER KEYSLOT {a}1"), "(integer) " + slot);
  EXPECT_EQ(cluster_.Run(1, "CLUSTER COUNTKEYSINSLOT " + slot), "(integer) 2");
  EXPECT_EQ(cluster_.Ask(1, "client", "CLUSTER GETKEYSINSLOT " + slot + " 10").elements.size(), 2U);
  EXPECT_EQ(cluster_.Ask(1, "client", "CLUSTER GETKEYSINSLOT " + slot + " 1").elements.size(), 1U);
  EXPECT_EQ(cluster_.Run(1, "CLUSTER COUNTKEYSINSLOT 16384"),
            "(error) ERR Invalid or out of range slot");
  EXPECT_EQ(cluster_.Run(1, "CLUSTER GETKEYSINSLOT 1 -1"), "(error) ERR Invalid number of keys");
  EXPECT_EQ(cluster_.Run(1, "CLUSTER COUNTKEYSINSLOT 16383"), "(integer) 0");
}

TEST_F(ClusterCommands, OnlyOneOfEverythingElse) {
  EXPECT_EQ(cluster_.Run(1, "CLUSTER MYID"), "\"" + IdOf(1) + "\"");
  EXPECT_EQ(IdOf(1).size(), 40U);
  EXPECT_EQ(cluster_.Run(0, "CLUSTER REPLICAS " + IdOf(1)), "(empty array)");
  EXPECT_EQ(cluster_.Run(0, "CLUSTER REPLICAS nobody"), "(error) ERR Unknown node nobody");
  EXPECT_EQ(cluster_.Run(0, "CLUSTER COUNT-FAILURE-REPORTS " + IdOf(2)), "(integer) 0");
  EXPECT_THAT(cluster_.Run(0, "CLUSTER RESET"), StartsWith("(error) ERR a node does not leave"));
  for (const char* line : {"READONLY", "READWRITE", "ASKING"}) {
    EXPECT_EQ(cluster_.Run(0, line), "OK");
  }
  EXPECT_THAT(cluster_.Run(0, "CLUSTER INFO"), HasSubstr("cluster_state:ok"));
  EXPECT_THAT(cluster_.Run(0, "INFO cluster"), HasSubstr("cluster_enabled:1"));
  EXPECT_THAT(cluster_.Run(0, "INFO server"), HasSubstr("redis_mode:cluster"));
}

// ---- cluster-outside-port

class ClusterFromOutside : public ClusterCommands {
 protected:
  ClusterFromOutside() : ClusterCommands(WithOutside()) {
    cluster_.at(0).Connect("inside",
                           {.address = "10.0.0.9:50000", .local_address = "10.0.0.1:7000"});
    cluster_.at(0).Connect("outside",
                           {.address = "10.0.0.9:50001", .local_address = "10.0.0.1:90"});
    cluster_.at(0).Connect("unix",
                           {.address = "/x:90", .local_address = "/x:90", .unix_socket = true});
  }
  static Config WithOutside() {
    Config config = ServerTester::InMemory();
    config.protected_mode = false;
    config.cluster_outside_port = 90;
    config.cluster_outside_ip = "docker.test";
    return config;
  }
  // Host and port of all nodes as they are told, in the order of the nodes.
  std::vector<std::string> ToldTo(std::string_view client) {
    std::map<std::string, std::string> told;
    for (const resp::Reply& range : cluster_.Ask(0, client, "CLUSTER SLOTS").elements) {
      const auto& of = range.elements[2].elements;
      told[of[2].text] = of[0].text + ":" + std::to_string(of[1].integer);
    }
    return {told[IdOf(0)], told[IdOf(1)], told[IdOf(2)]};
  }
};

TEST_F(ClusterFromOutside, WhoComesInAtThatPortIsToldTheHostOutsideAndTheNodesPorts) {
  EXPECT_THAT(ToldTo("outside"),
              ElementsAre("docker.test:7000", "docker.test:7001", "docker.test:7002"));
  EXPECT_THAT(ToldTo("inside"), ElementsAre("10.0.0.1:7000", "10.0.0.2:7001", "10.0.0.3:7002"));
  EXPECT_EQ(ToldTo("unix"), ToldTo("inside")) << "a path is no port";
}

TEST_F(ClusterFromOutside, EveryReplyWithAddressesSaysTheSame) {
  for (const std::string command : {"CLUSTER NODES", "CLUSTER SHARDS", "CLUSTER RING"}) {
    const std::string outside = cluster_.Run(0, "outside", command);
    EXPECT_THAT(outside, HasSubstr("docker.test")) << command;
    EXPECT_THAT(outside, Not(HasSubstr("10.0.0."))) << command;
    EXPECT_THAT(cluster_.Run(0, "inside", command), Not(HasSubstr("docker.test"))) << command;
  }
}

}  // namespace
}  // namespace cartwheel::server
