#include "cluster/context.h"

#include <algorithm>
#include <utility>

#include "storage/check.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

// Lists are short, so they are walked; a comparison a step is cheaper than a search.
bool Before(const Context::Interval& a, const Context::Interval& b) {
  return a.actor != b.actor ? a.actor < b.actor : a.first < b.first;
}

bool Contains(const Context::Interval& outer, const Context::Interval& inner) {
  return outer.actor == inner.actor && outer.first <= inner.first && inner.last <= outer.last;
}

}  // namespace

bool Context::Covers(Dot dot) const {
  return std::any_of(intervals_.begin(), intervals_.end(), [dot](const Interval& interval) {
    const bool from = interval.first <= dot.number || IsPlanted(Mutation::kContextsAreMaxima);
    return interval.actor == dot.actor && from && dot.number <= interval.last;
  });
}

bool Context::Includes(const Context& other) const {
  // An interval of ours that is not one of theirs can hold no later one of theirs that is smaller.
  auto ours = intervals_.begin();
  for (const Interval& theirs : other.intervals_) {
    while (ours != intervals_.end() && !Contains(*ours, theirs) && Before(*ours, theirs)) ++ours;
    if (ours == intervals_.end() || !Contains(*ours, theirs)) return false;
  }
  return true;
}

void Context::Join(const Context& other) {
  // Replicas mostly know one what the other knows, or more.
  if (Includes(other)) return;
  if (other.Includes(*this)) {
    intervals_ = other.intervals_;
    return;
  }
  Intervals joined;
  joined.reserve(intervals_.size() + other.intervals_.size());
  auto ours = intervals_.cbegin();
  auto theirs = other.intervals_.cbegin();
  while (ours != intervals_.cend() || theirs != other.intervals_.cend()) {
    const bool from_us =
        theirs == other.intervals_.cend() || (ours != intervals_.cend() && Before(*ours, *theirs));
    const Interval& next = from_us ? *ours++ : *theirs++;
    // Only what overlaps is one: a number between two adjacent intervals there is none, but the
    // next write's would be.
    if (!joined.empty() && joined.back().actor == next.actor && next.first <= joined.back().last) {
      joined.back().last = std::max(joined.back().last, next.last);
    } else {
      joined.push_back(next);
    }
  }
  intervals_ = std::move(joined);
}

Context::Intervals::iterator Context::EndOf(ActorId actor) {
  auto end = intervals_.end();
  while (end != intervals_.begin() && actor < (end - 1)->actor) --end;
  return end;
}

void Context::Append(Dot dot) {
  const auto at = EndOf(dot.actor);
  storage::Check(
      at == intervals_.begin() || (at - 1)->actor != dot.actor || (at - 1)->last < dot.number,
      "a new write has a number above all before it");
  intervals_.insert(at, Interval{dot.actor, dot.number, dot.number});
}

uint64_t Context::Extend(Dot dot) {
  const auto at = EndOf(dot.actor);
  if (at == intervals_.begin() || (at - 1)->actor != dot.actor) {
    intervals_.insert(at, Interval{dot.actor, dot.number, dot.number});
    return dot.number;
  }
  Interval& last = *(at - 1);
  storage::Check(last.last < dot.number, "a new write has a number above all before it");
  last.last = dot.number;
  return last.first;
}

uint64_t Context::Highest(ActorId actor) const {
  uint64_t highest = 0;
  for (const Interval& interval : intervals_) {
    if (interval.actor == actor) highest = interval.last;
  }
  return highest;
}

bool Context::AppendInterval(const Interval& interval) {
  if (interval.actor == ActorId{} || interval.first == 0 || interval.last < interval.first ||
      interval.last > kMaxDotNumber) {
    return false;
  }
  if (!intervals_.empty()) {
    const Interval& back = intervals_.back();
    if (interval.actor < back.actor) return false;
    if (interval.actor == back.actor && interval.first <= back.last) return false;
  }
  intervals_.push_back(interval);
  return true;
}

}  // namespace cartwheel::cluster
