#include "storage/reserve.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>
#include <utility>

namespace cartwheel::storage {

void Reserve::Make() {
  if (bytes_ == 0 || is_there_) return;
  refusal_.reset();
  const auto made = TryMake();
  is_there_ = made.has_value();
  if (is_there_) return;
  std::ignore = disk_.Remove(kName);
  if (made.error().kind == Error::Kind::kNoSpace) Refuse(made.error());
}

bool Reserve::Release(const Error& error) {
  if (!is_there_ || !disk_.Remove(kName)) return false;
  is_there_ = false;
  Refuse(error);
  return true;
}

// Written, as a file system that is asked for space alone may promise what it does not have.
Result<void> Reserve::TryMake() {
  if (const auto there = disk_.Open(kName); there && (*there)->Size() == bytes_) return {};
  const auto file = disk_.Create(kName);
  if (!file) return std::unexpected(file.error());
  constexpr std::array<char, 64 << 10> kZeros{};
  for (uint64_t at = 0; at < bytes_; at += kZeros.size()) {
    const std::string_view zeros(kZeros.data(), std::min<uint64_t>(kZeros.size(), bytes_ - at));
    if (auto written = (*file)->Write(at, {&zeros, 1}); !written) return written;
  }
  return {};
}

void Reserve::Refuse(Error error) {
  error.message += "; until there is room only deletions are taken";
  refusal_ = std::move(error);
}

}  // namespace cartwheel::storage
