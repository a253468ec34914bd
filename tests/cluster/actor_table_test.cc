#include "cluster/actor_table.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr ActorId kA{0xfedc'ba98'7654'3210};
constexpr ActorId kB{1};

TEST(ActorTable, NumbersAreGivenInOrderAndStay) {
  ActorTable table;
  EXPECT_EQ(table.ActorOf(0), std::nullopt);
  EXPECT_EQ(table.NumberOf(kA), 0u);
  EXPECT_EQ(table.NumberOf(kB), 1u);
  EXPECT_EQ(table.NumberOf(kA), 0u);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(table.ActorOf(1), kB);
  EXPECT_EQ(table.ActorOf(2), std::nullopt);
  EXPECT_EQ(table.ActorOf(~uint64_t{0}), std::nullopt);
}

TEST(ActorTableDeathTest, NoActorHasNoNumber) {
  ActorTable table;
  EXPECT_DEATH(table.NumberOf(ActorId{}), "no actor");
}

TEST(ActorTable, ItComesBackAsItWasStored) {
  ActorTable table;
  for (uint64_t i = 1; i <= 300; ++i) table.NumberOf(ActorId{i * 0x0123'4567'89ab});
  std::string bytes;
  table.EncodeTo(bytes);
  std::string_view in = bytes;
  ActorTable decoded;
  ASSERT_TRUE(ActorTable::TakeFrom(in, decoded));
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(decoded, table);
}

TEST(ActorTable, WhatWasNotStoredIsRefused) {
  ActorTable table;
  table.NumberOf(kA);
  table.NumberOf(kB);
  std::string bytes;
  table.EncodeTo(bytes);
  ActorTable out;
  for (size_t length = 0; length < bytes.size(); ++length) {
    std::string_view in = std::string_view(bytes).substr(0, length);
    EXPECT_FALSE(ActorTable::TakeFrom(in, out));
    EXPECT_EQ(in.size(), length);
  }
  std::string twice = bytes;
  twice.replace(bytes.size() - 8, 8, bytes.substr(bytes.size() - 16, 8));
  std::string none = bytes;
  none.replace(bytes.size() - 8, 8, std::string(8, '\0'));
  std::string newer = bytes;
  newer[0] = 2;
  for (const std::string_view wrong : {twice, none, newer}) {
    std::string_view in = wrong;
    EXPECT_FALSE(ActorTable::TakeFrom(in, out));
  }
  EXPECT_EQ(out.size(), 0u);
}

}  // namespace
}  // namespace cartwheel::cluster
