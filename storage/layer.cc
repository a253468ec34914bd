#include "storage/layer.h"

#include <utility>

namespace cartwheel::storage {

void Layer::Add(Entry* entry) {
  entry->ordinal = static_cast<uint32_t>(entries_.size());
  entries_.push_back(entry);
  runs_.Add(entry->key(), entry->ordinal, entries_);
}

void Layer::Replace(const Entry& old, Entry* fresh) {
  fresh->ordinal = old.ordinal;
  entries_[old.ordinal] = fresh;
}

void Layer::Truncate(size_t size) {
  if (size == entries_.size()) return;
  runs_.RemoveFrom(static_cast<uint32_t>(size), entries_.size() - size);
  entries_.resize(size);
}

const Entry* Layer::Find(std::string_view key) const {
  runs_.SortTail(entries_);
  for (const SortedRuns::Run& run : runs_.runs()) {
    const auto item = SortedRuns::LowerBound(run, key, entries_);
    if (item == run.end()) continue;
    const Entry* entry = entries_[item->ordinal];
    if (entry->key() != key) continue;
    return ranges_.Hides(key, entry->sequence()) ? nullptr : entry;
  }
  return nullptr;
}

std::vector<const Entry*> Layer::Sorted() const {
  std::vector<const Entry*> sorted;
  sorted.reserve(entries_.size());
  for (const SortedRuns::Item& item : runs_.Merged(entries_)) {
    const Entry* entry = entries_[item.ordinal];
    if (ranges_.empty() || !ranges_.Hides(entry->key(), entry->sequence())) {
      sorted.push_back(entry);
    }
  }
  return sorted;
}

Layer::Iterator::Iterator(const Layer& layer) : layer_(layer) {
  layer_.runs_.SortTail(layer_.entries_);
}

void Layer::Iterator::Seek(std::string_view key) {
  rests_.clear();
  for (const SortedRuns::Run& run : layer_.runs_.runs()) {
    const auto from = SortedRuns::LowerBound(run, key, layer_.entries_);
    if (from != run.end()) rests_.push_back({from, run.end()});
  }
  Settle();
}

void Layer::Iterator::Next() {
  ++rests_[smallest_].next;
  Settle();
}

// Finds the smallest of the runs' next entries that no range hides.
void Layer::Iterator::Settle() {
  for (;; ++rests_[smallest_].next) {
    const SortedRuns::Item* best = nullptr;
    for (size_t i = 0; i < rests_.size(); ++i) {
      const Rest& rest = rests_[i];
      if (rest.next == rest.end) continue;
      if (best != nullptr && !SortedRuns::Less(*rest.next, *best, layer_.entries_)) continue;
      best = &*rest.next;
      smallest_ = i;
    }
    entry_ = best == nullptr ? nullptr : layer_.entries_[best->ordinal];
    if (entry_ == nullptr || layer_.ranges_.empty()) return;
    if (!layer_.ranges_.Hides(entry_->key(), entry_->sequence())) return;
  }
}

}  // namespace cartwheel::storage
