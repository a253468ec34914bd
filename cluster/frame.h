// The frames in which nodes send each other messages over a connection:
//
//   u32 bytes of the payload
//   u8  type of the message (message_codec.h)
//   u32 checksum over both and the payload: the low half of XXH3-64
//   ... payload
//
// Integers are little endian. TCP's own checksum lets one damaged segment in some ten million
// through, and what it let through here would be stored on every replica.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cartwheel::cluster {

inline constexpr size_t kFrameHead = 4 + 1 + 4;
// Bounds what a peer can make this node hold for it. A value that is larger cannot be replicated:
// whoever accepts values refuses it before it writes anything.
inline constexpr size_t kMaxFrameBytes = 64UL << 20;  // the head included

struct Frame {
  uint8_t type = 0;
  std::string_view payload;
};

// Appends a frame whose payload is what `out` has from `payload_begin` on, after kFrameHead bytes
// that BeginFrame left for the head. False, and `out` is as before BeginFrame, when it is too long.
size_t BeginFrame(std::string& out);
bool EndFrame(uint8_t type, size_t payload_begin, std::string& out);

// The frame that `input` begins with, its checksum unverified; nullopt: it is not whole.
std::optional<Frame> PeekFrame(std::string_view input);

// Takes frames from the bytes of a connection, as resp::RequestParser does requests: it owns no
// bytes, and payloads are views into the caller's. An error is final.
class FrameReader {
 public:
  enum class Status : uint8_t { kComplete, kIncomplete, kError };

  // Reads one frame from `input`, which must start at its first byte: after kComplete, drop
  // consumed() bytes before the next call; after kIncomplete, call again with the same bytes and
  // more behind them (they may have moved). `max_frame_bytes`: the head included.
  Status Parse(std::string_view input, size_t max_frame_bytes = kMaxFrameBytes);

  // After kComplete, as long as `input` lives.
  const Frame& frame() const { return frame_; }
  size_t consumed() const { return kFrameHead + frame_.payload.size(); }
  // After kIncomplete: the length that the input needs at least, counted from the frame's first
  // byte, so that the caller can make room once.
  size_t bytes_needed() const { return bytes_needed_; }
  // After kError: one line for the log.
  const std::string& error() const { return error_; }

 private:
  Frame frame_;
  size_t bytes_needed_ = kFrameHead;
  std::string error_;
};

}  // namespace cartwheel::cluster
