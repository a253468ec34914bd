#include "cluster/counts.h"

#include <gtest/gtest.h>
#include <xxhash.h>

namespace cartwheel::cluster {
namespace {

DatabaseCounts SomeCounts() {
  DatabaseCounts counts;
  for (size_t i = 0; i < counts.size(); ++i) counts[i] = {~uint64_t{i}, 1000 * i};
  return counts;
}

std::string Encoded(const DatabaseCounts& counts) {
  std::string out = "what stood here before";
  EncodeCounts(counts, out);
  return out;
}

TEST(Counts, CountsComeBackAsTheyWentIn) {
  EXPECT_EQ(DecodeCounts(Encoded(SomeCounts())), SomeCounts());
  EXPECT_EQ(DecodeCounts(Encoded({})), DatabaseCounts{});
}

// The stored form is a promise to every store that was ever written.
TEST(Counts, TheStoredFormNeverChanges) {
  DatabaseCounts counts{};
  counts[0] = {0x0102, 3};
  std::string expected = "\x01\x02\x01" + std::string(6, '\0') + "\x03";
  expected.resize(1 + kMaxDatabases * 16);
  const auto checksum = static_cast<uint32_t>(XXH3_64bits(expected.data(), expected.size()));
  for (int shift = 0; shift < 32; shift += 8) {
    expected.push_back(static_cast<char>(checksum >> shift));
  }
  EXPECT_EQ(Encoded(counts), expected);
}

TEST(Counts, EveryFlippedBitIsFound) {
  const std::string encoded = Encoded(SomeCounts());
  for (size_t bit = 0; bit < encoded.size() * 8; ++bit) {
    std::string damaged = encoded;
    damaged[bit / 8] ^= static_cast<char>(1 << (bit % 8));
    EXPECT_FALSE(DecodeCounts(damaged).has_value()) << "bit " << bit;
  }
}

TEST(Counts, EveryOtherLengthIsFound) {
  const std::string encoded = Encoded(SomeCounts());
  for (size_t length = 0; length < encoded.size(); ++length) {
    EXPECT_EQ(DecodeCounts(encoded.substr(0, length)).error(), CountsFault::kDamaged) << length;
  }
  EXPECT_EQ(DecodeCounts(encoded + '\0').error(), CountsFault::kDamaged);
}

TEST(Counts, ALaterFormatIsToldFromDamage) {
  EXPECT_EQ(DecodeCounts("\x02 whatever").error(), CountsFault::kNewerFormat);
  EXPECT_EQ(DecodeCounts(std::string(261, '\0')).error(), CountsFault::kDamaged);
}

}  // namespace
}  // namespace cartwheel::cluster
