#include "server/base64.h"

#include <gtest/gtest.h>

namespace cartwheel::server {
namespace {

// The examples of RFC 4648, section 10, without their padding.
TEST(Base64, IsThatOfTheStandard) {
  EXPECT_EQ(EncodeBase64(""), "");
  EXPECT_EQ(EncodeBase64("f"), "Zg");
  EXPECT_EQ(EncodeBase64("fo"), "Zm8");
  EXPECT_EQ(EncodeBase64("foo"), "Zm9v");
  EXPECT_EQ(EncodeBase64("foob"), "Zm9vYg");
  EXPECT_EQ(EncodeBase64("fooba"), "Zm9vYmE");
  EXPECT_EQ(EncodeBase64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(EncodeBase64("\xff\xef\xfe"), "_-_-");
}

TEST(Base64, EveryByteComesBack) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(DecodeBase64(EncodeBase64(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Base64, ATextThatIsNoEncodingIsRefused) {
  for (const std::string_view text :
       {"Z", "Zm9vY", "Zg==", "Zh", "Zm9", "Zm9v\n", " Zg", "Zm+v", "Zm/v"}) {
    EXPECT_FALSE(DecodeBase64(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace cartwheel::server
