#include "cluster/store_key.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

std::string Encoded(Database database, std::string_view key) {
  std::string out;
  EncodeStoreKey({database, key}, out);
  return out;
}

TEST(StoreKey, PartsComeBackAsTheyWentIn) {
  const std::string binary("\0{x}\xff\r\n", 7);
  for (const std::string& key :
       {std::string(), std::string("foo"), binary, std::string(5000, 'k')}) {
    for (const Database database : {0, 1, 15}) {
      const std::string encoded = Encoded(database, key);
      const auto parts = DecodeStoreKey(encoded);
      ASSERT_TRUE(parts.has_value());
      EXPECT_EQ(parts->slot, SlotOf(key));
      EXPECT_EQ(parts->database, database);
      EXPECT_EQ(parts->key, key);
      EXPECT_EQ(StoreKeyPrefix(parts->slot, database, parts->hash) + key, encoded);
    }
  }
}

// The stored form is a promise to every store that was ever written.
TEST(StoreKey, TheStoredFormNeverChanges) {
  EXPECT_EQ(Encoded(3, "foo"), std::string_view("\x2f\x96"                          // slot 12182
                                                "\x03"                              // database
                                                "\xab\x6e\x5f\x64\x07\x7e\x7d\x8a"  // XXH3-64
                                                "foo",
                                                14));
}

TEST(StoreKey, ScratchThatHeldALongerKeyLeavesNothingBehind) {
  std::string out;
  EncodeStoreKey({9, "a much longer key than the next one"}, out);
  EncodeStoreKey({0, "k"}, out);
  EXPECT_EQ(out, Encoded(0, "k"));
}

TEST(StoreKey, BytesThatAreNoStoreKeyAreRefused) {
  const std::string encoded = Encoded(15, "");
  for (size_t length = 0; length < encoded.size(); ++length) {
    EXPECT_FALSE(DecodeStoreKey(encoded.substr(0, length)).has_value()) << length;
  }
  EXPECT_TRUE(DecodeStoreKey(encoded).has_value());
  EXPECT_TRUE(DecodeStoreKey(StoreKeyPrefix(kSlotCount - 1, 0, 0)).has_value());
  EXPECT_FALSE(DecodeStoreKey(StoreKeyPrefix(kSlotCount, 0, 0)).has_value());
  EXPECT_FALSE(DecodeStoreKey(StoreKeyPrefix(0, kMaxDatabases, 0)).has_value());
}

TEST(StoreKey, ByteOrderIsSlotThenDatabaseThenHash) {
  const std::string low = StoreKeyPrefix(0x00ff, 2, 0xff);
  EXPECT_LT(low, StoreKeyPrefix(0x00ff, 2, 0x100));
  EXPECT_LT(StoreKeyPrefix(0x00ff, 2, ~uint64_t{0}), StoreKeyPrefix(0x00ff, 3, 0));
  EXPECT_LT(StoreKeyPrefix(0x00ff, 15, ~uint64_t{0}), StoreKeyPrefix(0x0100, 0, 0));
}

TEST(StoreKey, APrefixStandsBeforeEveryKeyWithItsHash) {
  const std::string encoded = Encoded(1, "");
  const auto parts = DecodeStoreKey(encoded);
  ASSERT_TRUE(parts.has_value());
  EXPECT_LE(StoreKeyPrefix(parts->slot, 1, parts->hash), encoded);
}

}  // namespace
}  // namespace cartwheel::cluster
