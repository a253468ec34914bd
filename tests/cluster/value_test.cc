#include "cluster/value.h"

#include <utility>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

TEST(Value, AChangeIsNothingUntilItIsSomething) {
  EXPECT_EQ(Change().kind(), Change::Kind::kNone);
}

TEST(Value, APutBorrowsTheBytesItIsGiven) {
  const std::string bytes = "operation's own";
  const Change change = Change::Put(bytes, 42);
  EXPECT_EQ(change.kind(), Change::Kind::kPut);
  EXPECT_EQ(change.type(), Type::kString);
  EXPECT_EQ(change.expire_at(), 42);
  EXPECT_EQ(change.bytes().data(), bytes.data());
  EXPECT_EQ(change.bytes(), bytes);
}

TEST(Value, AnOwningPutKeepsItsBytesThroughCopiesAndMoves) {
  for (const std::string text : {"short", "long enough not to fit in the string itself"}) {
    Change first = Change::PutOwned(text, kNoExpiry);
    const Change copy = first;
    const Change moved = std::move(first);
    EXPECT_EQ(copy.bytes(), text);
    EXPECT_EQ(moved.bytes(), text);
    EXPECT_EQ(moved.expire_at(), kNoExpiry);
  }
}

TEST(Value, AnOwningPutOfNothingIsEmpty) {
  EXPECT_EQ(Change::PutOwned("", kNoExpiry).bytes(), "");
}

TEST(Value, DeleteAndExpireCarryNoBytes) {
  EXPECT_EQ(Change::Delete().kind(), Change::Kind::kDelete);
  EXPECT_EQ(Change::Delete().bytes(), "");
  EXPECT_EQ(Change::Expire(7).kind(), Change::Kind::kExpire);
  EXPECT_EQ(Change::Expire(7).expire_at(), 7);
  EXPECT_EQ(Change::Expire(kNoExpiry).expire_at(), kNoExpiry);
}

TEST(Value, AValueIsShownUpToAndIncludingTheMillisecondItExpiresAt) {
  EXPECT_FALSE(IsExpired(1000, 999));
  EXPECT_FALSE(IsExpired(1000, 1000));
  EXPECT_TRUE(IsExpired(1000, 1001));
  EXPECT_FALSE(IsExpired(kNoExpiry, kMaxExpireAt));
}

}  // namespace
}  // namespace cartwheel::cluster
