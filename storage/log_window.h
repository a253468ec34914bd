// One file of the log read from front to back: a buffer that moves along and grows to the longest
// record.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "storage/disk.h"

namespace cartwheel::storage {

class LogWindow {
 public:
  // Bytes of `file` up to `size`, which it has.
  LogWindow(const File& file, uint64_t size) : file_(file), size_(size) {}

  uint64_t size() const { return size_; }

  // The bytes from `offset` on: `count` of them at least, which lie before size(), and more when
  // they are at hand. Valid until the next call.
  Result<std::string_view> From(uint64_t offset, uint64_t count) {
    if (offset < begin_ || offset - begin_ > filled_ || filled_ - (offset - begin_) < count) {
      if (auto filled = Fill(offset, count); !filled) return std::unexpected(filled.error());
    }
    return std::string_view(buffer_.data() + (offset - begin_), begin_ + filled_ - offset);
  }

 private:
  static constexpr uint64_t kReadBytes = 1 << 20;

  Result<void> Fill(uint64_t offset, uint64_t count) {
    const uint64_t wanted = std::min(size_ - offset, std::max(count, kReadBytes));
    if (buffer_.size() < wanted) buffer_.resize(wanted);
    begin_ = offset;
    filled_ = 0;
    const auto got = file_.Read(offset, {buffer_.data(), wanted});
    if (!got) return std::unexpected(got.error());
    filled_ = wanted;
    // The file got shorter meanwhile: nobody else should write to it, but zeros are no record.
    std::fill(buffer_.begin() + static_cast<std::ptrdiff_t>(*got),
              buffer_.begin() + static_cast<std::ptrdiff_t>(wanted), '\0');
    return {};
  }

  const File& file_;
  const uint64_t size_;
  uint64_t begin_ = 0;
  uint64_t filled_ = 0;
  std::vector<char> buffer_;
};

}  // namespace cartwheel::storage
