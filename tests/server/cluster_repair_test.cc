// CLUSTER VERIFY and REPAIR, and INFO antientropy: whole servers, one of which loses records.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/store_key.h"
#include "tests/server/cluster_tester.h"

namespace cartwheel::server {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kSecond = 1'000'000;

class ClusterRepair : public testing::Test {
 protected:
  void Fill() {
    for (int i = 0; i < 50; ++i) {
      EXPECT_EQ(nodes_.Run(0, "SET key" + std::to_string(i) + " v"), "OK");
    }
    nodes_.Advance(kSecond);
  }
  void Lose(size_t node, const std::string& key) {
    std::string store_key;
    cluster::EncodeStoreKey({0, key}, store_key);
    storage::Engine& engine = nodes_.at(node).server().store().engine();
    engine.Delete(storage::Keyspace::kData, store_key);
  }
  // The reply comes late.
  std::string Run(size_t node, const std::string& line) {
    nodes_.at(node).Receive("operator", line + "\r\n");
    std::string said;
    for (int i = 0; i < 700 && said.empty(); ++i) {
      nodes_.Advance(kSecond / 10);
      said = nodes_.at(node).Take("operator");
    }
    return said;
  }

  ClusterTester nodes_{3, {.n = 3, .r = 2, .w = 2}};
};

TEST_F(ClusterRepair, OwnersThatHoldTheSameAreVerified) {
  Fill();
  EXPECT_THAT(Run(1, "CLUSTER VERIFY"),
              HasSubstr("all owners of each of the 1024 partitions hold the same"));
}

TEST_F(ClusterRepair, WhatOneLostIsFoundAndRestored) {
  Fill();
  for (const char* key : {"key1", "key2", "key3"}) Lose(2, key);
  EXPECT_THAT(Run(0, "CLUSTER VERIFY"), HasSubstr("different: "));
  EXPECT_EQ(Run(0, "CLUSTER REPAIR"), "+OK\r\n");
  nodes_.Advance(60 * kSecond);
  EXPECT_THAT(Run(0, "CLUSTER VERIFY"), HasSubstr("hold the same"));
  EXPECT_THAT(nodes_.Run(2, "INFO antientropy"), HasSubstr("possible_silent_loss:3\\r"));
  EXPECT_THAT(nodes_.Run(0, "INFO antientropy"), HasSubstr("comparisons_asked_for:0\\r"));
  const auto value = nodes_.at(2).server().store().Read({0, "key2"}, nodes_.at(2).now().unix_ms());
  EXPECT_TRUE(value && *value);
}

// It may be the other owner whose disk went back in time, to before it was deleted.
TEST_F(ClusterRepair, WhatIsGoneWithoutATraceComesBackByItself) {
  Fill();
  Lose(2, "key7");
  EXPECT_EQ(nodes_.Run(0, "CONFIG SET cluster-repair-interval 5"), "OK");
  nodes_.Advance(60 * kSecond);
  EXPECT_THAT(nodes_.Run(0, "INFO antientropy"),
              testing::Not(HasSubstr("partitions_compared:0\r")));
  EXPECT_THAT(Run(0, "CLUSTER VERIFY"), HasSubstr("hold the same"));
  EXPECT_EQ(nodes_.Run(1, "DYN.QUORUM R 3 GET key7"), "\"v\"");
}

TEST_F(ClusterRepair, KeysThatDifferAreNamed) {
  Fill();
  for (const char* key : {"key1", "key2"}) Lose(2, key);
  const std::string said = Run(0, "CLUSTER VERIFY keys");
  EXPECT_THAT(said, HasSubstr("\"key1\" (database 0, partition "));
  EXPECT_THAT(said, HasSubstr("\"key2\" (database 0, partition "));
  EXPECT_THAT(said, HasSubstr("): nodes 1 2 hold it, node 3 nothing\n"));
  EXPECT_THAT(said, testing::Not(HasSubstr("key3")));
  EXPECT_THAT(nodes_.Run(0, "CLUSTER VERIFY all"), StartsWith("(error) ERR CLUSTER VERIFY takes"));
}

TEST_F(ClusterRepair, WhatMayHaveBeenEvictedAtOneOwnerGoesAtAll) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(nodes_.Run(i, "CONFIG SET maxmemory 1gb maxstorage 1gb maxmemory-policy allkeys-lru"),
              "OK");
  }
  Fill();
  Lose(2, "key7");
  EXPECT_EQ(Run(0, "CLUSTER REPAIR"), "+OK\r\n");
  nodes_.Advance(60 * kSecond);
  EXPECT_THAT(Run(0, "CLUSTER VERIFY"), HasSubstr("hold the same"));
  EXPECT_EQ(nodes_.Run(1, "EXISTS key7 key8"), "(integer) 1");
}

TEST_F(ClusterRepair, OnePartitionCanBeNamed) {
  EXPECT_EQ(nodes_.Run(0, "CLUSTER REPAIR 5"), "OK");
  nodes_.Advance(10 * kSecond);
  EXPECT_THAT(nodes_.Run(0, "INFO antientropy"), HasSubstr("partitions_compared:2\\r"));
  for (const char* line :
       {"CLUSTER REPAIR x", "CLUSTER REPAIR 1024", "CLUSTER REPAIR -1", "CLUSTER REPAIR 1 2"}) {
    EXPECT_THAT(nodes_.Run(0, line), StartsWith("(error) ERR CLUSTER REPAIR takes a partition"))
        << line;
  }
}

TEST_F(ClusterRepair, InATransactionNobodyIsAsked) {
  EXPECT_EQ(nodes_.Run(0, "MULTI"), "OK");
  EXPECT_EQ(nodes_.Run(0, "CLUSTER VERIFY"), "QUEUED");
  EXPECT_THAT(nodes_.Run(0, "EXEC"), HasSubstr("isn't allowed in a transaction"));
}

TEST(ClusterRepairAlone, ANodeAloneHasNobodyToCompareWith) {
  ServerTester node(ServerTester::InMemory());
  for (const char* line : {"CLUSTER VERIFY\r\n", "CLUSTER REPAIR\r\n"}) {
    node.Receive("client", line);
    node.EndTurn();
    EXPECT_THAT(node.Take("client"), StartsWith("-ERR This instance has cluster support disabled"));
  }
}

}  // namespace
}  // namespace cartwheel::server
