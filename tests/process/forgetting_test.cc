// What was deleted or has expired leaves nothing behind, at any of its owners.
//
// CARTWHEEL_REPAIR_KEYS: how many keys there are; 5,000.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/durable_engine.h"
#include "tests/process/client.h"
#include "tests/process/server_cluster.h"

namespace cartwheel {
namespace {

constexpr std::chrono::minutes kPatience{5};

size_t Keys() {
  const char* const asked = std::getenv("CARTWHEEL_REPAIR_KEYS");
  return asked == nullptr ? 5'000 : static_cast<size_t>(std::atoll(asked));
}

class Forgetting : public testing::Test {
 protected:
  void SetUp() override {
    nodes_.StartAll();
    ASSERT_TRUE(nodes_.AwaitOneOf(3));
    Client client = nodes_.Connect(1);
    ASSERT_TRUE(Eventually([&] { return client.Call({"GET", "key0"}) == "(nil)"; }));
  }
  template <typename Words>
  void CallForEach(int node, const Words& words, const std::string& expected) {
    Client client = nodes_.Connect(node);
    constexpr size_t kPipeline = 500;
    for (size_t i = 0; i < Keys(); i += kPipeline) {
      const size_t end = std::min(Keys(), i + kPipeline);
      for (size_t at = i; at < end; ++at) client.Append(words("key" + std::to_string(at)));
      for (size_t at = i; at < end; ++at) ASSERT_EQ(client.Read(), expected) << at;
    }
  }
  int64_t Info(int node, const std::string& section, const std::string& field) {
    const std::string info = nodes_.Connect(node).Call({"INFO", section});
    const size_t at = info.find("\n" + field + ":");
    return at == std::string::npos ? -1 : std::atoll(info.c_str() + at + field.size() + 2);
  }
  int64_t Forgotten(int node) { return Info(node, "dynamo", "deletions_forgotten"); }
  [[nodiscard]] bool AwaitForgotten(int node, int64_t before) {
    return Eventually([&] { return Forgotten(node) - before >= static_cast<int64_t>(Keys()); },
                      kPatience);
  }
  int64_t Dataset(int node) { return Info(node, "memory", "used_memory_dataset"); }
  // A flush, which comes when writes have ceased, takes the deletions out of memory. Then the
  // allocator gives back what it can, which is not all: that is shown, and not asked for.
  void AwaitMemory(int64_t before) {
    constexpr int64_t kNotWorthAFlush = 4 << 20;
    const auto began = std::chrono::steady_clock::now();
    for (const int node : {1, 2, 3}) {
      EXPECT_TRUE(Eventually([&] { return Dataset(node) < before + kNotWorthAFlush; }, kPatience))
          << node;
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << "memory is back after " << took.count() << " s\n";
  }
  void ShowMemory(const char* when) {
    std::cout << when << ": used_memory";
    for (const int node : {1, 2, 3}) {
      std::cout << ' ' << Info(node, "memory", "used_memory") << " (dataset " << Dataset(node)
                << ')';
    }
    std::cout << '\n';
  }
  // Of all kinds, what clients do not see included.
  size_t RecordsOnDisk(int node) {
    auto engine = storage::OpenDurableEngine(nodes_.at(node).data(), storage::DurableOptions());
    if (!engine) return SIZE_MAX;
    size_t records = 0;
    const auto cursor = (*engine)->NewCursor(storage::Keyspace::kData);
    for (cursor->Seek({}); cursor->Valid(); cursor->Next()) ++records;
    const auto expiry = (*engine)->NewCursor(storage::Keyspace::kExpiry);
    for (expiry->Seek({}); expiry->Valid(); expiry->Next()) ++records;
    return records;
  }
  void ExpectNothingLeft() {
    for (const int node : {1, 2, 3}) {
      EXPECT_EQ(nodes_.Connect(node).Call({"DBSIZE"}), "0") << node;
    }
    for (const int node : {1, 2, 3}) {
      EXPECT_EQ(nodes_.Stop(node), 0);
      EXPECT_EQ(RecordsOnDisk(node), 0U) << node;
    }
  }

  ServerCluster nodes_{3,
                       {.members = ServerCluster::Members::kJoining,
                        .of_all = {"--cluster-secret", "of this test alone"}}};
};

TEST_F(Forgetting, DeletedKeysLeaveNothing) {
  using Words = std::vector<std::string>;
  ShowMemory("empty");
  const int64_t empty = Dataset(1);
  CallForEach(1, [](const std::string& key) { return Words{"SET", key, "v"}; }, "OK");
  ShowMemory("written");
  const auto began = std::chrono::steady_clock::now();
  CallForEach(2, [](const std::string& key) { return Words{"DEL", key}; }, "1");
  const std::chrono::duration<double> deleted = std::chrono::steady_clock::now() - began;
  for (const int node : {1, 2, 3}) ASSERT_TRUE(AwaitForgotten(node, 0)) << Forgotten(node);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << Keys() << " keys: deleted in " << deleted.count() << " s, forgotten "
            << took.count() - deleted.count() << " s later\n";
  ShowMemory("forgotten");
  AwaitMemory(empty);
  ShowMemory("in the end");
  ExpectNothingLeft();
}

TEST_F(Forgetting, ExpiredKeysLeaveNothing) {
  using Words = std::vector<std::string>;
  ShowMemory("empty");
  const int64_t empty = Dataset(1);
  CallForEach(1, [](const std::string& key) { return Words{"SET", key, "v", "PX", "1500"}; }, "OK");
  const auto began = std::chrono::steady_clock::now();
  for (const int node : {1, 2, 3}) ASSERT_TRUE(AwaitForgotten(node, 0)) << Forgotten(node);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  std::cout << Keys() << " keys: forgotten " << took.count() << " s after the last was written\n";
  ShowMemory("forgotten");
  AwaitMemory(empty);
  ShowMemory("in the end");
  ExpectNothingLeft();
}

// Nothing can be forgotten until it has heard of the deletions.
TEST_F(Forgetting, DeletionsWaitForWhoIsAway) {
  using Words = std::vector<std::string>;
  CallForEach(1, [](const std::string& key) { return Words{"SET", key, "v"}; }, "OK");
  EXPECT_EQ(nodes_.Stop(3), 0);
  CallForEach(1, [](const std::string& key) { return Words{"DEL", key}; }, "1");
  EXPECT_EQ(Forgotten(1), 0);
  nodes_.Start(3);
  for (const int node : {1, 2, 3}) ASSERT_TRUE(AwaitForgotten(node, 0)) << Forgotten(node);
  ExpectNothingLeft();
}

// Increments of a node whose disk is gone might still be on their way, until all members have said
// that they are not.
TEST_F(Forgetting, WhatANodeCountedBeforeItLostItsDiskIsForgotten) {
  using Words = std::vector<std::string>;
  CallForEach(3, [](const std::string& key) { return Words{"INCR", key}; }, "1");
  EXPECT_EQ(nodes_.Stop(3), 0);
  for (const auto& entry : std::filesystem::directory_iterator(nodes_.at(3).data())) {
    std::filesystem::remove_all(entry.path());
  }
  nodes_.Start(3);
  const std::string keys = std::to_string(Keys());
  ASSERT_TRUE(Eventually([&] { return nodes_.Connect(3).Call({"DBSIZE"}) == keys; }, kPatience));
  for (const int node : {1, 2, 3}) {
    EXPECT_EQ(nodes_.Connect(node).Call({"CONFIG", "SET", "cluster-repair-interval", "10"}), "OK");
  }
  CallForEach(1, [](const std::string& key) { return Words{"DEL", key}; }, "1");
  for (const int node : {1, 2, 3}) ASSERT_TRUE(AwaitForgotten(node, 0)) << Forgotten(node);
  ExpectNothingLeft();
}

}  // namespace
}  // namespace cartwheel
