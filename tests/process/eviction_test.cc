// Nodes that are full of what clients keep writing.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/process/client.h"
#include "tests/process/server_cluster.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;

constexpr int kKeys = 20'000;

std::string Name(int number) {
  return "key" + std::to_string(number);
}

// In pipelines; how many were refused.
int Write(Client& client, int from, int until) {
  constexpr int kAtOnce = 500;
  int refused = 0;
  for (int begin = from; begin < until; begin += kAtOnce) {
    const int end = std::min(until, begin + kAtOnce);
    for (int i = begin; i < end; ++i) client.Append({"SET", Name(i), std::string(100, 'v')});
    for (int i = begin; i < end; ++i) refused += client.Read() == "OK" ? 0 : 1;
  }
  return refused;
}

int Number(Client& client, const std::string& section, const std::string& field) {
  const std::string text = InfoField(client, section, field);
  return text.empty() ? 0 : std::stoi(text);
}

TEST(Eviction, TheOwnersOfFullNodesKeepTheSame) {
  if (CARTWHEEL_SLOWDOWN > 1) GTEST_SKIP() << "whether they keep up is a matter of pace";
  ServerCluster nodes(3, {.of_all = {"--save", "", "--appendonly", "no", "--maxmemory", "4mb",
                                     "--maxmemory-policy", "allkeys-lru"}});
  nodes.StartAll();
  ASSERT_TRUE(nodes.AwaitAllUp());
  for (int id = 1; id <= 3; ++id) {
    Client client = nodes.Connect(id);
    EXPECT_EQ(Write(client, (id - 1) * kKeys / 3, id * kKeys / 3), 0);
  }
  int evicted = 0;
  for (int id = 1; id <= 3; ++id) {
    Client client = nodes.Connect(id);
    EXPECT_TRUE(
        Eventually([&] { return Number(client, "memory", "used_memory_dataset") <= 4 << 20; }));
    evicted = Number(client, "stats", "evicted_keys");
    EXPECT_GT(evicted, kKeys / 4);
    // How many more than had to is a matter of pace: what went leaves its context until all owners
    // have told that they know, and these keys come within a second or two.
    EXPECT_LT(Number(client, "eviction", "evicted_alone"), kKeys / 100);
    EXPECT_LT(Number(client, "dynamo", "read_repairs"), kKeys / 100);
  }
  EXPECT_TRUE(nodes.AwaitAll([](int, Client& client) {
    return client.Call({"CLUSTER", "VERIFY"}).find("hold the same") != std::string::npos;
  }));
  // What went is gone for everybody who asks, and asking brings nothing back.
  Client client = nodes.Connect(2);
  int found = 0;
  for (int i = 0; i < 200; ++i) found += client.Call({"GET", Name(i)}) == "(nil)" ? 0 : 1;
  EXPECT_LT(found, 100) << "the first ones were written longest ago";
  EXPECT_LT(Number(client, "dynamo", "read_repairs"), kKeys / 100);
}

}  // namespace
}  // namespace cartwheel
