// Real nodes that have lost data, whole or in part, and are equal to the others again.
//
// CARTWHEEL_REPAIR_KEYS: how many keys there are; 5,000.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cluster/store_key.h"
#include "storage/durable_engine.h"
#include "tests/process/client.h"
#include "tests/process/server_cluster.h"
#include "tests/process/steady_load.h"

namespace cartwheel {
namespace {

using testing::HasSubstr;

constexpr size_t kLost = 1'000;
constexpr std::chrono::minutes kPatience{5};

size_t Keys() {
  const char* const asked = std::getenv("CARTWHEEL_REPAIR_KEYS");
  return asked == nullptr ? 5'000 : static_cast<size_t>(std::atoll(asked));
}

class Repair : public testing::Test {
 protected:
  static std::string Name(size_t number) { return "kept" + std::to_string(number); }
  void SetUp() override {
    nodes_.StartAll();
    ASSERT_TRUE(nodes_.AwaitOneOf(3));
    Client client = nodes_.Connect(1);
    ASSERT_TRUE(Eventually([&] { return client.Call({"GET", Name(0)}) == "(nil)"; }));
    constexpr size_t kPipeline = 500;
    for (size_t i = 0; i < Keys(); i += kPipeline) {
      const size_t end = std::min(Keys(), i + kPipeline);
      for (size_t at = i; at < end; ++at) client.Append({"SET", Name(at), "v"});
      for (size_t at = i; at < end; ++at) ASSERT_EQ(client.Read(), "OK");
    }
  }
  std::string Verify(int node) { return nodes_.Connect(node).Call({"CLUSTER", "VERIFY"}); }
  [[nodiscard]] bool AwaitEqual(int node) {
    return Eventually([&] { return Verify(node).contains("hold the same"); }, kPatience);
  }
  // As a disk may, while the node is down.
  void LoseOnDisk(int node) {
    auto engine = storage::OpenDurableEngine(nodes_.at(node).data(), storage::DurableOptions());
    ASSERT_TRUE(engine) << engine.error().message;
    for (size_t i = 0; i < kLost; ++i) {
      std::string store_key;
      const std::string key = Name(i);
      cluster::EncodeStoreKey({0, key}, store_key);
      ASSERT_TRUE((*engine)->Get(storage::Keyspace::kData, store_key));
      (*engine)->Delete(storage::Keyspace::kData, store_key);
    }
    ASSERT_TRUE((*engine)->Commit().has_value());
    ASSERT_TRUE((*engine)->Sync().has_value());
  }

  ServerCluster nodes_{3,
                       {.members = ServerCluster::Members::kJoining,
                        .of_all = {"--cluster-secret", "of this test alone"}}};
};

TEST_F(Repair, AWipedNodeIsEqualAgainWithoutReads) {
  ASSERT_TRUE(AwaitEqual(1)) << Verify(1);
  EXPECT_EQ(nodes_.Stop(3), 0);
  for (const auto& entry : std::filesystem::directory_iterator(nodes_.at(3).data())) {
    std::filesystem::remove_all(entry.path());
  }
  SteadyLoad load(nodes_);
  load.With(1);
  load.With(2);
  load.Begin();
  std::this_thread::sleep_for(std::chrono::seconds(2));
  const int rebuilding = load.NextPhase();
  const auto began = std::chrono::steady_clock::now();
  nodes_.Start(3);
  ASSERT_TRUE(AwaitEqual(1)) << Verify(1);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  load.End();
  std::cout << Keys() << " keys: equal " << took.count() << " s after the start\n"
            << "clients without it: " << SteadyLoad::Show(load.TimesOf(0)) << "\n"
            << "while it rebuilds:  " << SteadyLoad::Show(load.TimesOf(rebuilding)) << "\n";
  EXPECT_THAT(load.losses(), testing::IsEmpty());
  EXPECT_THAT(load.errors(), testing::IsEmpty());
  EXPECT_EQ(nodes_.Connect(3).Call({"DBSIZE"}), nodes_.Connect(1).Call({"DBSIZE"}));
}

TEST_F(Repair, WhatADiskLostSilentlyIsRestoredAndReported) {
  EXPECT_EQ(nodes_.Stop(2), 0);
  ASSERT_NO_FATAL_FAILURE(LoseOnDisk(2));
  nodes_.Start(2);
  ASSERT_TRUE(nodes_.AwaitOneOf(3));
  ASSERT_TRUE(Eventually([&] { return Verify(1).contains("different: "); }, kPatience));
  // What is read is shown, wherever, and reading takes nothing away.
  for (const int node : {1, 2}) {
    Client client = nodes_.Connect(node);
    for (size_t i = 0; i < kLost; i += 10) ASSERT_EQ(client.Call({"GET", Name(i)}), "v") << i;
  }
  for (const int node : {1, 2, 3}) {
    EXPECT_EQ(nodes_.Connect(node).Call({"CONFIG", "SET", "cluster-repair-interval", "5"}), "OK");
  }
  ASSERT_TRUE(AwaitEqual(1)) << Verify(1);
  EXPECT_THAT(nodes_.Connect(2).Call({"INFO", "antientropy"}),
              HasSubstr("possible_silent_loss:" + std::to_string(kLost)));
  std::cout << nodes_.Connect(2).Call({"INFO", "antientropy"});
}

}  // namespace
}  // namespace cartwheel
