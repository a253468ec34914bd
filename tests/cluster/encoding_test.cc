#include "cluster/encoding.h"

#include <string>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

TEST(Encoding, BytesStandInTheOrderTheNameSays) {
  std::string bytes(6, '\0');
  StoreLittle<6>(0x010203040506, bytes.data());
  EXPECT_EQ(bytes, "\x06\x05\x04\x03\x02\x01");
  StoreBig<6>(0x010203040506, bytes.data());
  EXPECT_EQ(bytes, "\x01\x02\x03\x04\x05\x06");
}

TEST(Encoding, NumbersComeBackFromTheirBytes) {
  char bytes[8];
  for (const uint64_t number :
       {uint64_t{0}, uint64_t{1}, uint64_t{0xfedcba9876543210}, ~uint64_t{0}}) {
    StoreLittle<8>(number, bytes);
    EXPECT_EQ(LoadLittle<8>(bytes), number);
    StoreBig<8>(number, bytes);
    EXPECT_EQ(LoadBig<8>(bytes), number);
    StoreBig<2>(number, bytes);
    EXPECT_EQ(LoadBig<2>(bytes), number & 0xffff);
  }
}

}  // namespace
}  // namespace cartwheel::cluster
