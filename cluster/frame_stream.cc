#include "cluster/frame_stream.h"

#include <algorithm>
#include <utility>

#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

// A large frame is rare: its memory is not kept for the next one.
constexpr size_t kKeptBytes = 256UL << 10;

}  // namespace

void FrameStream::Feed(std::string_view bytes) {
  DropLast();
  storage::Check(input_.empty(), "earlier bytes have been read");
  input_ = bytes;
}

FrameReader::Status FrameStream::Next(size_t max_frame_bytes) {
  using enum FrameReader::Status;
  DropLast();
  while (true) {
    const std::string_view front = begun_.empty() ? input_ : std::string_view(begun_);
    const FrameReader::Status status = reader_.Parse(front, max_frame_bytes);
    if (status == kComplete) last_ = reader_.consumed();
    if (status == kError) input_ = {};
    if (status != kIncomplete || !Extend()) return status;
  }
}

void FrameStream::DropLast() {
  if (begun_.empty()) {
    input_.remove_prefix(last_);
  } else if (last_ > 0) {
    // Only ever filled up to the end of one frame.
    begun_.clear();
    if (begun_.capacity() > kKeptBytes) begun_.shrink_to_fit();
  }
  last_ = 0;
}

std::string_view FrameStream::TakeUnread() {
  DropLast();
  return std::exchange(input_, {});
}

bool FrameStream::Extend() {
  if (input_.empty()) return false;
  const size_t taken = std::min(reader_.bytes_needed() - begun_.size(), input_.size());
  begun_.append(input_.substr(0, taken));
  input_.remove_prefix(taken);
  return true;
}

}  // namespace cartwheel::cluster
