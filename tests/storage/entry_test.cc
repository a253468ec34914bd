#include "storage/entry.h"

#include <string>

#include <gtest/gtest.h>

#include "layer_testing.h"

namespace cartwheel::storage {
namespace {

TEST(Entry, HoldsItsKeyItsValueAndTheSequenceOfItsWrite) {
  for (const size_t key_bytes : {1U, 20U, 3000U}) {
    for (const size_t value_bytes : {0U, 1U, 100'000U}) {
      for (const uint64_t sequence :
           {uint64_t{1}, uint64_t{0xffff'ffff}, uint64_t{1} << 32, (uint64_t{1} << 48) - 1}) {
        const std::string key(key_bytes, '\0');
        const std::string value(value_bytes, '\xff');
        Entry* entry = Entry::New(key, value, sequence);
        EXPECT_EQ(entry->key(), key);
        EXPECT_EQ(entry->value(), value);
        EXPECT_EQ(entry->sequence(), sequence);
        EXPECT_FALSE(entry->is_tombstone());
        Entry::Free(entry);
      }
    }
  }
}

TEST(Entry, ATombstoneIsNoEmptyValue) {
  EntryOwner entries;
  EXPECT_TRUE(entries.New("a", std::nullopt)->is_tombstone());
  EXPECT_FALSE(entries.New("a", "")->is_tombstone());
}

TEST(Entry, ItsFlagsAreIndependent) {
  EntryOwner entries;
  Entry* entry = entries.New("a", "1");
  EXPECT_FALSE(entry->clean() || entry->superseded() || entry->referenced());
  entry->set_referenced();
  entry->set_superseded(true);
  EXPECT_FALSE(entry->clean());
  entry->set_clean();
  EXPECT_TRUE(entry->TakeReferenced());
  EXPECT_FALSE(entry->TakeReferenced());
  EXPECT_TRUE(entry->clean() && entry->superseded());
  entry->set_superseded(false);
  EXPECT_TRUE(entry->clean() && !entry->superseded());
}

TEST(Entry, ItsMemoryIsAtLeastItsBytesAndAtMostAQuarterMore) {
  size_t before = 0;
  for (size_t bytes = 1; bytes < 20'000; ++bytes) {
    const size_t memory = Entry::MemoryOf(bytes, 0);
    ASSERT_GE(memory, sizeof(Entry) + bytes);
    ASSERT_LE(memory, (sizeof(Entry) + bytes) * 5 / 4 + 15);
    ASSERT_GE(memory, before);
    ASSERT_EQ(memory, Entry::MemoryOf(1, bytes - 1));
    before = memory;
  }
  EntryOwner entries;
  EXPECT_EQ(entries.New("key", "value")->memory(), Entry::MemoryOf(3, 5));
}

}  // namespace
}  // namespace cartwheel::storage
