#include "cluster/run_mark.h"

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

constexpr const char* kBoot = "a boot of the kernel";

bool Lost(const RunMark& mark, std::string_view boot_id) {
  return MayHaveLostWrites(EncodeRunMark(mark), boot_id);
}

TEST(RunMark, IsReadBackAsWritten) {
  for (const bool always : {false, true}) {
    for (const bool ended : {false, true}) {
      const RunMark mark{kBoot, always, ended};
      EXPECT_EQ(DecodeRunMark(EncodeRunMark(mark)), mark);
    }
  }
}

TEST(RunMark, AChangedOrShortenedOneIsNotRead) {
  const std::string bytes = EncodeRunMark({kBoot, false, true});
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] ^= 1;
    EXPECT_EQ(DecodeRunMark(changed), std::nullopt);
    EXPECT_EQ(DecodeRunMark(bytes.substr(0, i)), std::nullopt);
  }
}

TEST(RunMark, OnlyABrokenOffRunOfAnotherBootMayHaveLostWrites) {
  EXPECT_TRUE(Lost({kBoot, false, false}, "another"));
  EXPECT_FALSE(Lost({kBoot, false, false}, kBoot)) << "the process was killed, no more";
  EXPECT_FALSE(Lost({kBoot, true, false}, "another")) << "every commit was on the disk";
  EXPECT_FALSE(Lost({kBoot, false, true}, "another")) << "it ended in order";
  EXPECT_FALSE(MayHaveLostWrites(std::nullopt, kBoot)) << "the first run";
  EXPECT_TRUE(MayHaveLostWrites("damaged", kBoot));
}

}  // namespace
}  // namespace cartwheel::cluster
