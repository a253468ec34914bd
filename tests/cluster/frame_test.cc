#include "cluster/frame.h"

#include <string>

#include <gtest/gtest.h>

namespace cartwheel::cluster {
namespace {

using Status = FrameReader::Status;

std::string FrameOf(uint8_t type, std::string_view payload) {
  std::string out = "before";
  const size_t begin = BeginFrame(out);
  out += payload;
  EXPECT_TRUE(EndFrame(type, begin, out));
  return out.substr(6);
}

TEST(Frame, ItComesBackAsAViewIntoTheInput) {
  const std::string bytes = FrameOf(7, "payload") + "next";
  FrameReader reader;
  ASSERT_EQ(reader.Parse(bytes), Status::kComplete);
  EXPECT_EQ(reader.frame().type, 7);
  EXPECT_EQ(reader.frame().payload, "payload");
  EXPECT_EQ(reader.frame().payload.data(), bytes.data() + kFrameHead);
  EXPECT_EQ(reader.consumed(), kFrameHead + 7);
}

TEST(Frame, AnEmptyPayloadIsAFrame) {
  FrameReader reader;
  ASSERT_EQ(reader.Parse(FrameOf(8, "")), Status::kComplete);
  EXPECT_EQ(reader.consumed(), kFrameHead);
}

TEST(Frame, UntilAllOfItIsThereItSaysHowMuchItNeeds) {
  const std::string bytes = FrameOf(7, "payload");
  FrameReader reader;
  for (size_t size = 0; size < bytes.size(); ++size) {
    ASSERT_EQ(reader.Parse(std::string_view(bytes).substr(0, size)), Status::kIncomplete);
    EXPECT_EQ(reader.bytes_needed(), size < 4 ? kFrameHead : bytes.size());
  }
  EXPECT_EQ(reader.Parse(bytes), Status::kComplete);
}

TEST(Frame, AFrameOverTheLimitIsAnErrorFromItsLengthOn) {
  const std::string bytes = FrameOf(7, "0123456789");
  FrameReader at_limit;
  EXPECT_EQ(at_limit.Parse(bytes, bytes.size()), Status::kComplete);
  FrameReader reader;
  EXPECT_EQ(reader.Parse(bytes.substr(0, 3), bytes.size() - 1), Status::kIncomplete);
  ASSERT_EQ(reader.Parse(bytes.substr(0, 4), bytes.size() - 1), Status::kError);
  EXPECT_EQ(reader.error(), "a frame of 19 bytes, over the limit of 18");
}

TEST(Frame, AnErrorIsFinal) {
  FrameReader reader;
  ASSERT_EQ(reader.Parse("GET / HTTP/1.1\r\n"), Status::kError);
  const std::string error = reader.error();
  EXPECT_EQ(reader.Parse(FrameOf(7, "payload")), Status::kError);
  EXPECT_EQ(reader.error(), error);
}

TEST(Frame, EveryFlippedBitIsFoundOut) {
  const std::string bytes = FrameOf(7, "payload");
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    damaged += std::string(300, 'x');  // what the next frames would be
    FrameReader reader;
    ASSERT_NE(reader.Parse(damaged), Status::kComplete) << bit;
  }
  std::string damaged = bytes;
  damaged.back() ^= 1;
  FrameReader reader;
  EXPECT_EQ(reader.Parse(damaged), Status::kError);
  EXPECT_EQ(reader.error(), "a frame of 16 bytes whose checksum does not match");
}

TEST(Frame, ATooLongPayloadIsNotAppended) {
  std::string out = "before";
  size_t begin = BeginFrame(out);
  out.resize(6 + kMaxFrameBytes);
  EXPECT_TRUE(EndFrame(7, begin, out));
  out.resize(6);
  begin = BeginFrame(out);
  out.resize(6 + kMaxFrameBytes + 1);
  EXPECT_FALSE(EndFrame(7, begin, out));
  EXPECT_EQ(out, "before");
}

}  // namespace
}  // namespace cartwheel::cluster
