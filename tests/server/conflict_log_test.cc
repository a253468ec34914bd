#include "server/conflict_log.h"

#include <vector>

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

using cluster::ActorId;
using cluster::SiblingHead;

constexpr cluster::KeyRef kRef{2, "cart"};

SiblingHead Value(uint64_t number) {
  return {.value_dot = {ActorId{7}, number}, .hlc = cluster::Hlc::At(1000), .bytes = number};
}

TEST(ConflictLog, KeepsWhatIsBehindTheShownOneNewestFirst) {
  ConflictLog log;
  const std::vector<SiblingHead> siblings = {Value(1), Value(2), Value(3)};
  EXPECT_EQ(log.Note(ConflictKind::kHidden, kRef, siblings, 5, 10), 2U);
  ASSERT_EQ(log.entries().size(), 2U);
  EXPECT_EQ(log.entries()[0].value, Value(3));
  EXPECT_EQ(log.entries()[1].value, Value(2));
  EXPECT_EQ(log.entries()[0].id, 1U);
  EXPECT_EQ(log.entries()[0].shown, Value(1).value_dot);
  EXPECT_EQ(log.entries()[0].key, "cart");
  EXPECT_EQ(log.entries()[0].database, 2);
  EXPECT_EQ(log.Note(ConflictKind::kHidden, kRef, {siblings.data(), 1}, 5, 10), 0U);
}

TEST(ConflictLog, AValueThatIsHiddenAgainCounts) {
  ConflictLog log;
  const std::vector<SiblingHead> siblings = {Value(1), Value(2)};
  log.Note(ConflictKind::kHidden, kRef, siblings, 5, 10);
  EXPECT_EQ(log.Note(ConflictKind::kHidden, kRef, siblings, 9, 10), 0U);
  ASSERT_EQ(log.entries().size(), 1U);
  EXPECT_EQ(log.entries()[0].times, 2U);
  EXPECT_EQ(log.entries()[0].first_unix_ms, 5);
  EXPECT_EQ(log.entries()[0].last_unix_ms, 9);
  EXPECT_EQ(log.Note(ConflictKind::kSuperseded, kRef, siblings, 9, 10), 1U) << "another fate";
}

TEST(ConflictLog, IsBounded) {
  ConflictLog log;
  for (uint64_t number = 2; number < 1000; ++number) {
    const std::vector<SiblingHead> siblings = {Value(1), Value(number)};
    log.Note(ConflictKind::kHidden, kRef, siblings, 5, 3);
  }
  ASSERT_EQ(log.entries().size(), 3U);
  EXPECT_EQ(log.entries()[0].value, Value(999));
  const std::vector<SiblingHead> siblings = {Value(1), Value(2)};
  log.Note(ConflictKind::kHidden, kRef, siblings, 5, 0);
  EXPECT_TRUE(log.entries().empty());
}

TEST(ConflictLog, CutsLongKeys) {
  ConflictLog log;
  const std::string key(1000, 'k');
  const std::vector<SiblingHead> siblings = {Value(1), Value(2)};
  log.Note(ConflictKind::kHidden, {0, key}, siblings, 5, 3);
  EXPECT_EQ(log.entries()[0].key, std::string(128, 'k') + "... (872 more bytes)");
}

}  // namespace
}  // namespace cartwheel::server
