#include "cluster/counter.h"

#include <algorithm>

#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

bool NamedBefore(const Counter::Entry& entry, Dot name) {
  return entry.first < name;
}

}  // namespace

void Counter::Add(Dot dot, int64_t delta, uint64_t since) {
  // The actor's last entry stands before where the new dot would.
  auto at = std::lower_bound(entries_.begin(), entries_.end(), dot, NamedBefore);
  const bool goes_on = at != entries_.begin() && (at - 1)->first.actor == dot.actor &&
                       (at - 1)->first.number >= since;
  Entry& entry =
      goes_on ? *(at - 1) : *entries_.insert(at, Entry{.first = dot, .total = {}, .reset = {}});
  storage::Check(entry.total.number < dot.number, "an increment comes after those before it");
  entry.total.number = dot.number;
  const auto bits = static_cast<uint64_t>(delta);
  if (delta >= 0) {
    entry.total.added += bits;
  } else {
    entry.total.taken += 0 - bits;
  }
}

void Counter::Reset(const Counter& seen) {
  Counter reset = seen;
  for (Entry& entry : reset.entries_) entry.reset = entry.total;
  Join(reset);
}

void Counter::ResetAll() {
  for (Entry& entry : entries_) entry.reset = entry.total;
}

void Counter::Join(const Counter& other) {
  if (this == &other) return;
  auto ours = entries_.begin();
  for (const Entry& theirs : other.entries_) {
    ours = std::lower_bound(ours, entries_.end(), theirs.first, NamedBefore);
    if (ours == entries_.end() || ours->first != theirs.first) {
      ours = entries_.insert(ours, theirs);
    } else {
      ours->total = std::max(ours->total, theirs.total);
      ours->reset = std::max(ours->reset, theirs.reset);
    }
  }
}

Counter Counter::WithoutResets() const {
  Counter totals = *this;
  for (Entry& entry : totals.entries_) entry.reset = {};
  return totals;
}

const Counter::Entry* Counter::Find(Dot first) const {
  const auto at = std::lower_bound(entries_.begin(), entries_.end(), first, NamedBefore);
  return at == entries_.end() || at->first != first ? nullptr : &*at;
}

int64_t Counter::Sum() const {
  uint64_t sum = 0;
  for (const Entry& entry : entries_) {
    sum += entry.total.added - entry.reset.added - (entry.total.taken - entry.reset.taken);
  }
  return static_cast<int64_t>(sum);
}

bool Counter::IsLive() const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.IsLive(); });
}

bool Counter::AppendEntry(const Entry& entry) {
  // Only what Join keeps: or what two peers say, each well-formed, could not be stored together.
  if (entry.first.actor == ActorId{} || entry.first.number == 0) return false;
  if (entry.total.number < entry.first.number || entry.total.number > kMaxDotNumber) return false;
  if (entry.reset.number > entry.total.number) return false;
  if (entry.reset.number == 0 && entry.reset != Sums{}) return false;
  if (entry.reset.number != 0 && entry.reset.number < entry.first.number) return false;
  if (!entries_.empty() && entry.first <= entries_.back().first) return false;
  entries_.push_back(entry);
  return true;
}

}  // namespace cartwheel::cluster
