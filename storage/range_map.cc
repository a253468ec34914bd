#include "storage/range_map.h"

#include <iterator>
#include <utility>

namespace cartwheel::storage {
namespace {

// Whether a range up to `a` ends before one up to `b`.
bool EndsBefore(std::string_view a, std::string_view b) {
  return !a.empty() && (b.empty() || KeyOrder()(a, b));
}

// Whether a range up to `end` goes beyond `key`.
bool Reaches(std::string_view end, std::string_view key) {
  return end.empty() || KeyOrder()(key, end);
}

}  // namespace

void RangeMap::Assign(std::string_view begin, std::string_view end, uint64_t sequence) {
  if (IsEmptyRange(begin, end)) return;
  auto at = ranges_.lower_bound(begin);
  // The one that begins before is cut short, and goes on behind if it reaches that far.
  if (at != ranges_.begin()) {
    auto before = std::prev(at);
    if (Reaches(before->second.end, begin)) {
      if (EndsBefore(end, before->second.end)) {
        ranges_.emplace_hint(at, std::string(end), before->second);
      }
      before->second.end = begin;
    }
  }
  at = ranges_.lower_bound(begin);
  while (at != ranges_.end() && Reaches(end, at->first)) {
    if (EndsBefore(end, at->second.end)) {
      Range rest = std::move(at->second);
      ranges_.erase(at);
      ranges_.emplace(end, std::move(rest));
      break;
    }
    at = ranges_.erase(at);
  }
  ranges_.insert_or_assign(std::string(begin), Range{std::string(end), sequence});
}

const RangeMap::Ranges::value_type* RangeMap::Covering(std::string_view key) const {
  const auto after = ranges_.upper_bound(key);
  if (after == ranges_.begin()) return nullptr;
  const auto& range = *std::prev(after);
  return Reaches(range.second.end, key) ? &range : nullptr;
}

bool RangeMap::Hides(std::string_view key, uint64_t sequence) const {
  const auto* range = Covering(key);
  return range != nullptr && range->second.sequence > sequence;
}

void RangeMap::Merge(const RangeMap& later) {
  for (const auto& [begin, range] : later.ranges_) Assign(begin, range.end, range.sequence);
}

}  // namespace cartwheel::storage
