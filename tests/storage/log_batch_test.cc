#include "storage/log_batch.h"

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::SizeIs;
using Kind = LogOperation::Kind;
using Operation = std::tuple<Kind, Keyspace, std::string, std::string>;

constexpr Keyspace kData = Keyspace::kData;

std::vector<Operation> OperationsOf(const LogBatch& batch) {
  std::vector<Operation> operations;
  uint64_t bytes = 0;
  for (const LogBatch::Payload& payload : batch.Payloads()) {
    std::string whole;
    for (const std::string_view piece : payload.pieces) whole += piece;
    EXPECT_EQ(whole.size(), payload.bytes);
    bytes += payload.bytes;
    std::string_view rest = whole;
    while (const auto operation = TakeOperation(rest)) {
      operations.emplace_back(operation->kind, operation->keyspace, operation->key,
                              operation->value);
    }
    EXPECT_EQ(rest, "") << "records hold whole operations";
  }
  EXPECT_EQ(bytes, batch.bytes());
  return operations;
}

TEST(LogBatch, GivesBackItsOperationsInOrder) {
  constexpr size_t kLarge = LogBatch::kLargeValueBytes;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    LogBatch batch;
    for (int round = 0; round < 2; ++round) {
      std::vector<Operation> expected;
      expected.reserve(100);  // large values stay where they are until Clear
      for (uint64_t i = random.Below(100); i > 0; --i) {
        constexpr size_t kSizes[] = {0, 1, 200, kLarge - 1, kLarge, kLarge + 1};
        const std::string key(1 + random.Below(300), static_cast<char>('a' + random.Below(26)));
        const std::string value(kSizes[random.Below(6)], static_cast<char>(random.Below(256)));
        const auto keyspace = static_cast<Keyspace>(random.Below(kKeyspaceCount));
        const auto kind = static_cast<Kind>(1 + random.Below(3));
        const auto& [_, __, key_there, value_there] =
            expected.emplace_back(kind, keyspace, key, kind == Kind::kDelete ? "" : value);
        if (kind == Kind::kPut) batch.Put(keyspace, key, value_there);
        if (kind == Kind::kDelete) batch.Delete(keyspace, key);
        if (kind == Kind::kDeleteRange) batch.DeleteRange(keyspace, key, value);
      }
      EXPECT_EQ(batch.empty(), expected.empty());
      ASSERT_TRUE(OperationsOf(batch) == expected);
      batch.Clear();
      ASSERT_TRUE(batch.empty());
      ASSERT_EQ(batch.bytes(), 0U);
    }
  }
}

TEST(LogBatch, CopiesKeysAndBoundsHoweverLargeTheyAre) {
  const std::string large(2 * LogBatch::kLargeValueBytes, 'k');
  std::string key = large;
  LogBatch batch;
  batch.Put(kData, key, "value");
  batch.Delete(kData, key);
  batch.DeleteRange(kData, key, key);
  key.assign(key.size(), 'x');
  EXPECT_TRUE(
      (OperationsOf(batch) == std::vector<Operation>{{Kind::kPut, kData, large, "value"},
                                                     {Kind::kDelete, kData, large, ""},
                                                     {Kind::kDeleteRange, kData, large, large}}));
}

TEST(LogBatch, IsOnePieceUnlessItHasLargeValues) {
  const std::string large(LogBatch::kLargeValueBytes, 'v');
  LogBatch batch;
  batch.Put(kData, "a", "1");
  batch.Delete(kData, "b");
  ASSERT_TRUE(batch.Single().has_value());
  EXPECT_EQ(batch.Single()->size(), batch.bytes());
  batch.Put(kData, "c", large);
  EXPECT_EQ(batch.Single(), std::nullopt);
  ASSERT_THAT(batch.Payloads(), SizeIs(1));
  EXPECT_EQ(batch.Payloads()[0].pieces.back().data(), large.data()) << "it is not copied";
}

TEST(LogBatch, OfManyBytesIsManyRecords) {
  const std::string large(30 << 20, 'v');
  LogBatch batch;
  for (int i = 0; i < 7; ++i) batch.Put(kData, std::to_string(i), large);
  const auto payloads = batch.Payloads();
  ASSERT_THAT(payloads, SizeIs(3));
  for (const LogBatch::Payload& payload : payloads) EXPECT_LE(payload.bytes, 100ULL << 20);
}

}  // namespace
}  // namespace cartwheel::storage
