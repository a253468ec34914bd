#include "cluster/frame.h"

#include <xxhash.h>

#include "cluster/encoding.h"

namespace cartwheel::cluster {
namespace {

constexpr size_t kLengthBytes = 4;
constexpr size_t kChecksumAt = kLengthBytes + 1;
constexpr size_t kFrameChecksumBytes = 4;

uint32_t FrameChecksum(uint8_t type, std::string_view payload) {
  const uint64_t seed = uint64_t{payload.size()} << 8 | type;
  return static_cast<uint32_t>(XXH3_64bits_withSeed(payload.data(), payload.size(), seed));
}

}  // namespace

size_t BeginFrame(std::string& out) {
  out.append(kFrameHead, '\0');
  return out.size();
}

bool EndFrame(uint8_t type, size_t payload_begin, std::string& out) {
  const size_t begin = payload_begin - kFrameHead;
  if (out.size() - begin > kMaxFrameBytes) {
    out.resize(begin);
    return false;
  }
  const auto payload = std::string_view(out).substr(payload_begin);
  char* const head = out.data() + begin;
  StoreLittle<kLengthBytes>(payload.size(), head);
  head[kLengthBytes] = static_cast<char>(type);
  StoreLittle<kFrameChecksumBytes>(FrameChecksum(type, payload), head + kChecksumAt);
  return true;
}

std::optional<Frame> PeekFrame(std::string_view input) {
  if (input.size() < kFrameHead) return std::nullopt;
  const uint64_t length = LoadLittle<kLengthBytes>(input.data());
  if (input.size() - kFrameHead < length) return std::nullopt;
  return Frame{static_cast<uint8_t>(input[kLengthBytes]), input.substr(kFrameHead, length)};
}

FrameReader::Status FrameReader::Parse(std::string_view input, size_t max_frame_bytes) {
  frame_ = {};
  if (!error_.empty()) return Status::kError;
  bytes_needed_ = kFrameHead;
  // The length alone decides whether the frame is too long, however the input is cut.
  if (input.size() < kLengthBytes) return Status::kIncomplete;
  const uint64_t bytes = kFrameHead + LoadLittle<kLengthBytes>(input.data());
  if (bytes > max_frame_bytes) {
    error_ = "a frame of " + std::to_string(bytes) + " bytes, over the limit of " +
             std::to_string(max_frame_bytes);
    return Status::kError;
  }
  bytes_needed_ = bytes;
  if (input.size() < bytes) return Status::kIncomplete;
  const auto type = static_cast<uint8_t>(input[kLengthBytes]);
  const std::string_view payload = input.substr(kFrameHead, bytes - kFrameHead);
  if (LoadLittle<kFrameChecksumBytes>(input.data() + kChecksumAt) != FrameChecksum(type, payload)) {
    error_ = "a frame of " + std::to_string(bytes) + " bytes whose checksum does not match";
    return Status::kError;
  }
  frame_ = {type, payload};
  return Status::kComplete;
}

}  // namespace cartwheel::cluster
