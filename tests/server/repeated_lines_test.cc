#include "server/repeated_lines.h"

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

TEST(RepeatedLines, ALineIsNewsOnceInTenMinutes) {
  RepeatedLines lines;
  EXPECT_TRUE(lines.IsNews("a", 0));
  EXPECT_FALSE(lines.IsNews("a", RepeatedLines::kSilenceUs - 1));
  EXPECT_TRUE(lines.IsNews("b", 1));
  EXPECT_TRUE(lines.IsNews("a", RepeatedLines::kSilenceUs));
  EXPECT_FALSE(lines.IsNews("a", RepeatedLines::kSilenceUs + 1));
}

TEST(RepeatedLines, OfTooManyTheOldestIsForgotten) {
  RepeatedLines lines;
  for (size_t i = 0; i <= RepeatedLines::kMaxLines; ++i) {
    EXPECT_TRUE(lines.IsNews(std::to_string(i), static_cast<int64_t>(i)));
  }
  EXPECT_FALSE(lines.IsNews("1", 2000));
  EXPECT_TRUE(lines.IsNews("0", 2000));
}

}  // namespace
}  // namespace cartwheel::server
