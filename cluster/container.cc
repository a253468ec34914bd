#include "cluster/container.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace cartwheel::cluster {
namespace {

bool DotBefore(const Version& version, Dot dot) {
  return version.dot < dot;
}

// The new write in the context. Returns from which number on the actor has seen all of its own.
uint64_t Note(Container& container, Dot dot) {
  uint64_t since = dot.number;
  if (container.own_contiguous) {
    since = container.context.Extend(dot);
  } else {
    container.context.Append(dot);
    container.own_contiguous = true;
  }
  return since;
}

auto Precedence(const Version& version) {
  const ExpireAt expire_at =
      version.expire_at == kNoExpiry ? std::numeric_limits<ExpireAt>::max() : version.expire_at;
  return std::tuple(version.hlc, version.value_dot, expire_at, version.dot);
}

}  // namespace

const Version* Container::Find(Dot dot) const {
  const auto at = std::lower_bound(versions.begin(), versions.end(), dot, DotBefore);
  return at == versions.end() || at->dot != dot ? nullptr : &*at;
}

bool Container::IsConsistent() const {
  for (size_t i = 0; i < versions.size(); ++i) {
    if (i > 0 && !(versions[i - 1].dot < versions[i].dot)) return false;
    if (!context.Covers(versions[i].dot)) return false;
    if (versions[i].value_dot != versions[i].dot && !context.Covers(versions[i].value_dot)) {
      return false;
    }
  }
  return std::ranges::all_of(counter.entries(), [this](const Counter::Entry& entry) {
    return context.Covers(entry.first) && context.Covers(entry.last());
  });
}

void Container::clear() {
  versions.clear();
  counter.clear();
  context.clear();
  own_contiguous = false;
}

void Seen::Join(const Seen& other) {
  context.Join(other.context);
  counter.Join(other.counter);
}

Seen SeenOf(const Container& container) {
  return {container.context, container.counter.WithoutResets()};
}

Container Sync(const Container& a, const Container& b) {
  Container both;
  auto ours = a.versions.begin();
  auto theirs = b.versions.begin();
  while (ours != a.versions.end() || theirs != b.versions.end()) {
    if (theirs == b.versions.end() || (ours != a.versions.end() && ours->dot < theirs->dot)) {
      if (!b.context.Covers(ours->dot)) both.versions.push_back(*ours);
      ++ours;
    } else if (ours == a.versions.end() || theirs->dot < ours->dot) {
      if (!a.context.Covers(theirs->dot)) both.versions.push_back(*theirs);
      ++theirs;
    } else {
      both.versions.push_back(*ours);
      ++ours;
      ++theirs;
    }
  }
  both.counter = a.counter;
  both.counter.Join(b.counter);
  both.context = a.context;
  both.context.Join(b.context);
  both.own_contiguous = a.own_contiguous || b.own_contiguous;
  return both;
}

void Discard(Container& container, const Seen& seen) {
  const auto gone =
      std::remove_if(container.versions.begin(), container.versions.end(),
                     [&seen](const Version& version) { return seen.context.Covers(version.dot); });
  container.versions.erase(gone, container.versions.end());
  container.counter.Reset(seen.counter);
  container.context.Join(seen.context);
}

void DiscardAll(Container& container) {
  container.versions.clear();
  container.counter.ResetAll();
}

void Put(Container& container, const Version& version) {
  Note(container, version.dot);
  const auto at = std::lower_bound(container.versions.begin(), container.versions.end(),
                                   version.dot, DotBefore);
  container.versions.insert(at, version);
}

void NoteDeletion(Container& container, Dot dot) {
  Note(container, dot);
}

void Increment(Container& container, Dot dot, int64_t delta) {
  const uint64_t since = Note(container, dot);
  container.counter.Add(dot, delta, since);
}

const Version* Winner(const Container& container, int64_t now_ms) {
  const Version* winner = nullptr;
  for (const Version& version : container.versions) {
    if (IsExpired(version.expire_at, now_ms)) continue;
    if (winner == nullptr || Precedence(*winner) < Precedence(version)) winner = &version;
  }
  return winner;
}

}  // namespace cartwheel::cluster
