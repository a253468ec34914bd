#include "storage/write_batch.h"

#include <iterator>
#include <utility>

#include "storage/check.h"

namespace cartwheel::storage {
namespace {

uint64_t Bytes(const WriteBatch::Entries::value_type& entry) {
  return entry.first.size() + (entry.second ? entry.second->size() : 0);
}

// Whether a range that ends at `end` reaches `key`, or touches it.
bool Reaches(std::string_view end, std::string_view key) {
  return end.empty() || !KeyOrder()(end, key);
}

}  // namespace

void WriteBatch::Put(Keyspace keyspace, std::string_view key, std::string_view value) {
  Check(!key.empty(), "a key has at least one byte");
  Write(keyspace, key, value);
}

void WriteBatch::Delete(Keyspace keyspace, std::string_view key) {
  if (!key.empty()) Write(keyspace, key, std::nullopt);
}

void WriteBatch::Write(Keyspace keyspace, std::string_view key,
                       std::optional<std::string_view> value) {
  Entries& entries = Of(keyspace).entries;
  auto entry = entries.lower_bound(key);
  if (entry == entries.end() || entry->first != key) {
    entry = entries.emplace_hint(entry, key, std::nullopt);
  } else {
    bytes_ -= Bytes(*entry);
  }
  entry->second.reset();
  if (value) entry->second.emplace(*value);
  bytes_ += Bytes(*entry);
  empty_ = false;
}

void WriteBatch::DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) {
  if (IsEmptyRange(begin, end)) return;
  Changes& changes = Of(keyspace);
  auto entry = changes.entries.lower_bound(begin);
  while (entry != changes.entries.end() && InRange(entry->first, begin, end)) {
    bytes_ -= Bytes(*entry);
    entry = changes.entries.erase(entry);
  }

  std::string from(begin);
  std::string to(end);
  auto range = changes.ranges.upper_bound(begin);
  if (range != changes.ranges.begin() && Reaches(std::prev(range)->second, begin)) --range;
  while (range != changes.ranges.end() && Reaches(to, range->first)) {
    if (KeyOrder()(range->first, from)) from = range->first;
    if (range->second.empty() || (!to.empty() && KeyOrder()(to, range->second))) to = range->second;
    range = changes.ranges.erase(range);
  }
  changes.ranges.emplace(std::move(from), std::move(to));
  empty_ = false;
}

void WriteBatch::Clear() {
  if (empty_) return;
  for (Changes& changes : changes_) {
    changes.entries.clear();
    changes.ranges.clear();
  }
  empty_ = true;
  bytes_ = 0;
}

WriteBatch::Found WriteBatch::Find(Keyspace keyspace, std::string_view key) const {
  const Entries& entries = Of(keyspace).entries;
  const auto entry = entries.find(key);
  if (entry != entries.end()) {
    if (!entry->second) return {State::kDeleted, {}};
    return {State::kValue, *entry->second};
  }
  return {CoveringRange(keyspace, key) != nullptr ? State::kDeleted : State::kUntouched, {}};
}

const WriteBatch::Ranges::value_type* WriteBatch::CoveringRange(Keyspace keyspace,
                                                                std::string_view key) const {
  const Ranges& ranges = Of(keyspace).ranges;
  const auto after = ranges.upper_bound(key);
  if (after == ranges.begin()) return nullptr;
  const auto& range = *std::prev(after);
  return InRange(key, range.first, range.second) ? &range : nullptr;
}

}  // namespace cartwheel::storage
