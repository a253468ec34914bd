#include "server/operation.h"

#include <gtest/gtest.h>

#include "tests/server/op_tester.h"

namespace cartwheel::server {
namespace {

TEST(AccessOf, PlainSetIsABlindWrite) {
  EXPECT_EQ(AccessOf(SetOp{}), Access::kBlindWrite);
  SetOp with_time;
  with_time.expiry = {.kind = ExpiryOption::Kind::kRelative, .ms = 1};
  EXPECT_EQ(AccessOf(with_time), Access::kBlindWrite);
}

TEST(AccessOf, SetThatLooksAtTheKeyIsAnUpdate) {
  SetOp get;
  get.return_old = true;
  EXPECT_EQ(AccessOf(get), Access::kUpdate);
  SetOp keep;
  keep.expiry.kind = ExpiryOption::Kind::kKeep;
  EXPECT_EQ(AccessOf(keep), Access::kUpdate);
  SetOp conditional;
  conditional.condition = SetOp::Condition::kIfAbsent;
  EXPECT_EQ(AccessOf(conditional), Access::kUpdate);
}

TEST(AccessOf, BitFieldOfGetsIsARead) {
  BitFieldOp op;
  EXPECT_EQ(AccessOf(op), Access::kRead);
  op.steps.push_back({.kind = BitFieldOp::Step::Kind::kGet});
  EXPECT_EQ(AccessOf(op), Access::kRead);
  op.steps.push_back({.kind = BitFieldOp::Step::Kind::kIncrBy});
  EXPECT_EQ(AccessOf(op), Access::kUpdate);
}

TEST(AccessOf, OthersSayItThemselves) {
  EXPECT_EQ(AccessOf(GetOp{}), Access::kRead);
  EXPECT_EQ(AccessOf(MSetOp{}), Access::kBlindWrite);
  EXPECT_EQ(AccessOf(DelOp{}), Access::kUpdate);
}

TEST(Apply, RunsTheOperationThatTheVariantHolds) {
  OpTester redis;
  redis.Put("a", "1");
  EXPECT_EQ(redis.Run(ParseGet, "GET a"), "$1\r\n1\r\n");
  EXPECT_EQ(redis.Run(ParseStrLen, "STRLEN a"), ":1\r\n");
}

}  // namespace
}  // namespace cartwheel::server
