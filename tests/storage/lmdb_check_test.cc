#include "storage/lmdb_check.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base_testing.h"

namespace cartwheel::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kPage = 4096;

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

// A store that was changed often, closed; returns what is in it.
Model MakeStore(const std::string& path) {
  Random random(5);
  Model model;
  const auto base = OpenBaseOrDie(path);
  for (int i = 1; i <= 8; ++i) {
    PlanBuilder plan;
    FillRandomly(random, 1500, plan);
    plan.ApplyTo(model);
    EXPECT_TRUE(base->Flush(plan.Build(i * 1000), {.transaction_keys = 200}).has_value());
  }
  return model;
}

TEST(LmdbCheck, ASoundStoreIsReadWholeAndLeftAsItWas) {
  const TempDirectory directory;
  const Model model = MakeStore(directory / "store");
  const std::string file = directory / "store/data.mdb";
  const std::string before = ReadFile(file);

  Model seen;
  const auto check = CheckBase(file, [&](Keyspace keyspace, auto key, auto value) {
    seen[static_cast<size_t>(keyspace)].emplace(key, value);
  });
  ASSERT_TRUE(check.has_value()) << check.error().message;
  EXPECT_THAT(check->damage, IsEmpty());
  EXPECT_EQ(seen, model);
  EXPECT_EQ(check->covered, 8000U);
  EXPECT_EQ(check->lost_pages, 0U);
  EXPECT_EQ(check->file_bytes, before.size());
  EXPECT_GT(check->free_pages, 0U);
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    BaseCheck::Records expected;
    for (const auto& [key, value] : model[i]) {
      ++expected.count;
      expected.bytes += key.size() + value.size();
      expected.largest = std::max(expected.largest, key.size() + value.size());
    }
    EXPECT_EQ(check->keyspaces[i].count, expected.count);
    EXPECT_EQ(check->keyspaces[i].bytes, expected.bytes);
    EXPECT_EQ(check->keyspaces[i].largest, expected.largest);
  }
  EXPECT_EQ(ReadFile(file), before);
}

// Every page of which a check could not tell holds the inside of a large value, or is free.
TEST(LmdbCheck, EveryUsedPageThatIsLostIsMissed) {
  const TempDirectory directory;
  MakeStore(directory / "store");
  const std::string file = directory / "store/data.mdb";
  const std::string sound = ReadFile(file);
  const auto whole = CheckBase(file);
  ASSERT_TRUE(whole.has_value());
  uint64_t found = 0;
  for (size_t page = 2; page < sound.size() / kPage; ++page) {
    std::string text = sound;
    text.replace(page * kPage, kPage, std::string(kPage, '\0'));
    WriteFile(file, text);
    const auto check = CheckBase(file);
    ASSERT_TRUE(check.has_value());
    if (check->damage.empty()) continue;
    ++found;
    EXPECT_THAT(check->damage.front(), HasSubstr(file + ": page " + std::to_string(page)));
  }
  uint64_t inside_values = 0;
  WriteFile(file, sound);
  (void)CheckBase(file, [&](Keyspace, std::string_view key, std::string_view value) {
    // A long key stands in the value, with the lengths of both.
    const size_t bytes = value.size() + (key.size() > 400 ? key.size() + 16 : 0);
    if (bytes > kPage / 2) inside_values += (bytes + 16 + kPage - 1) / kPage - 1;
  });
  EXPECT_LE(found, whole->used_pages);
  EXPECT_GE(found + inside_values, whole->used_pages);
}

TEST(LmdbCheck, NoDamageMakesItCrashOrRunForEver) {
  const TempDirectory directory;
  MakeStore(directory / "store");
  const std::string file = directory / "store/data.mdb";
  const std::string sound = ReadFile(file);
  Random random(11);
  uint64_t found = 0;
  for (int round = 0; round < 400; ++round) {
    std::string text = sound;
    const size_t page = random.Below(sound.size() / kPage) * kPage;
    // Most of what holds a tree together is at the beginning of a page.
    for (int flips = 0; flips < 4; ++flips) {
      const size_t at = page + (flips < 2 ? random.Below(64) : random.Below(kPage));
      text[at] = static_cast<char>(random.Next());
    }
    if (random.Below(10) == 0) text.resize(random.Below(text.size()));
    WriteFile(file, text);
    const auto check = CheckBase(file);
    found += !check || !check->damage.empty();
  }
  EXPECT_GT(found, 100U);
}

TEST(LmdbCheck, DamageIsOneLineEachThatNamesTheFile) {
  const TempDirectory directory;
  MakeStore(directory / "store");
  const std::string file = directory / "store/data.mdb";
  std::string text = ReadFile(file);
  for (size_t page = 2; page < text.size() / kPage; page += 2) {
    text.replace(page * kPage, kPage, std::string(kPage, 'x'));
  }
  WriteFile(file, text);
  const auto check = CheckBase(file);
  ASSERT_TRUE(check.has_value());
  EXPECT_FALSE(check->damage.empty());
  for (const std::string& line : check->damage) {
    EXPECT_TRUE(line.starts_with(file + ": ")) << line;
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

TEST(LmdbCheck, AFileThatIsNoDataFileIsRefused) {
  const TempDirectory directory;
  WriteFile(directory / "text", std::string(10'000, 'x'));
  EXPECT_EQ(CheckBase(directory / "text").error().kind, Error::Kind::kCorrupt);
  EXPECT_EQ(CheckBase(directory / "none").error().kind, Error::Kind::kInvalid);
}

}  // namespace
}  // namespace cartwheel::storage
