#include "storage/lazy_memory.h"

#include <cstdint>
#include <string_view>

#include <gtest/gtest.h>

namespace cartwheel::storage {
namespace {

TEST(LazyMemory, IsZeroedAndZeroedAgainOnceReleased) {
  LazyMemory memory(100'000);
  ASSERT_EQ(memory.size(), 100'000U);
  for (int round = 0; round < 2; ++round) {
    for (size_t i = 0; i < memory.size(); ++i) ASSERT_EQ(memory.data()[i], 0);
    memory.data()[0] = 'a';
    memory.data()[memory.size() - 1] = 'z';
    memory.Release();
  }
}

TEST(LazyMemory, APartThatIsReleasedIsZeroedAndTheRestStays) {
  constexpr size_t kPage = LazyMemory::kPageBytes;
  LazyMemory memory(2 * kPage + 100);
  for (const size_t at : {kPage - 1, kPage, 2 * kPage + 99}) memory.data()[at] = 'x';
  memory.Release(kPage);
  EXPECT_EQ(memory.data()[kPage - 1], 'x');
  EXPECT_EQ(memory.data()[kPage], 0);
  EXPECT_EQ(memory.data()[2 * kPage + 99], 0);
  memory.Release(4 * kPage);
  EXPECT_EQ(memory.data()[kPage - 1], 'x');
}

TEST(LazyMemory, OfNoBytesOrTooManyIsEmpty) {
  for (const size_t bytes : {size_t{0}, SIZE_MAX / 2}) {
    LazyMemory memory(bytes);
    EXPECT_EQ(memory.size(), 0U);
    memory.Release();
  }
}

}  // namespace
}  // namespace cartwheel::storage
