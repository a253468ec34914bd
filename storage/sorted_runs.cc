#include "storage/sorted_runs.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "storage/check.h"
#include "storage/key_order.h"

namespace cartwheel::storage {
namespace {

SortedRuns::Run MergeTwo(const SortedRuns::Run& a, const SortedRuns::Run& b,
                         const SortedRuns::Entries& entries) {
  SortedRuns::Run merged;
  merged.reserve(a.size() + b.size());
  std::ranges::merge(a, b, std::back_inserter(merged),
                     [&](const auto& x, const auto& y) { return SortedRuns::Less(x, y, entries); });
  return merged;
}

}  // namespace

uint64_t SortedRuns::PrefixOf(std::string_view key) {
  uint64_t prefix = 0;
  const size_t size = std::min(key.size(), sizeof(prefix));
  for (size_t i = 0; i < size; ++i) prefix = prefix << 8 | static_cast<uint8_t>(key[i]);
  return size == 0 ? 0 : prefix << 8 * (sizeof(prefix) - size);
}

bool SortedRuns::Less(const Item& a, const Item& b, const Entries& entries) {
  if (a.prefix != b.prefix) [[likely]]
    return a.prefix < b.prefix;
  return KeyOrder()(entries[a.ordinal]->key(), entries[b.ordinal]->key());
}

void SortedRuns::Add(std::string_view key, uint32_t ordinal, const Entries& entries) {
  tail_.push_back({PrefixOf(key), ordinal});
  if (tail_.size() >= kTailItems) SortTail(entries);
}

// The newest items are in the tail, else in the last runs.
void SortedRuns::RemoveFrom(uint32_t first, size_t count) {
  const auto is_after = [first](const Item& item) { return item.ordinal >= first; };
  count -= std::erase_if(tail_, is_after);
  for (size_t i = runs_.size(); i-- > 0 && count > 0;) count -= std::erase_if(runs_[i], is_after);
  std::erase_if(runs_, [](const Run& run) { return run.empty(); });
  Check(count == 0, "every ordinal has an item");
}

void SortedRuns::SortTail(const Entries& entries) {
  if (tail_.empty()) return;
  std::ranges::sort(tail_, [&](const Item& a, const Item& b) { return Less(a, b, entries); });
  runs_.push_back(tail_);
  tail_.clear();
  MergeEquals(entries);
}

void SortedRuns::MergeEquals(const Entries& entries) {
  while (runs_.size() >= 2) {
    Run& last = runs_.back();
    Run& before = runs_[runs_.size() - 2];
    if (before.size() >= 2 * last.size() || before.size() + last.size() > kMaxRunItems) return;
    before = MergeTwo(before, last, entries);
    runs_.pop_back();
  }
}

SortedRuns::Run::const_iterator SortedRuns::LowerBound(const Run& run, std::string_view key,
                                                       const Entries& entries) {
  const uint64_t prefix = PrefixOf(key);
  return std::ranges::partition_point(run, [&](const Item& item) {
    if (item.prefix != prefix) return item.prefix < prefix;
    return KeyOrder()(entries[item.ordinal]->key(), key);
  });
}

SortedRuns::Run SortedRuns::Merged(const Entries& entries) const {
  Check(tail_.empty(), "the tail is sorted");
  std::vector<Run> runs = runs_;
  while (runs.size() > 1) {
    std::vector<Run> merged;
    for (size_t i = 0; i + 1 < runs.size(); i += 2) {
      merged.push_back(MergeTwo(runs[i], runs[i + 1], entries));
    }
    if (runs.size() % 2 != 0) merged.push_back(std::move(runs.back()));
    runs = std::move(merged);
  }
  return runs.empty() ? Run() : std::move(runs.front());
}

}  // namespace cartwheel::storage
