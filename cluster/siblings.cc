#include "cluster/siblings.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "cluster/shown_value.h"

namespace cartwheel::cluster {
namespace {

// Writes of one actor that somebody has not seen.
struct Hole {
  ActorId actor;
  uint64_t first;
  uint64_t last;
};

// As Winner orders them.
auto Precedence(const Version& version) {
  const ExpireAt lasts =
      version.expire_at == kNoExpiry ? std::numeric_limits<ExpireAt>::max() : version.expire_at;
  return std::tuple(version.hlc, version.value_dot, lasts, version.dot);
}

bool SameValue(const Version& a, const Version& b) {
  return a.value_dot == b.value_dot;
}

std::vector<Version> LiveValues(const Container& container, int64_t now_ms) {
  std::vector<Version> live;
  for (const Version& version : container.versions) {
    if (!IsExpired(version.expire_at, now_ms)) live.push_back(version);
  }
  std::ranges::sort(
      live, [](const Version& a, const Version& b) { return Precedence(b) < Precedence(a); });
  live.erase(std::unique(live.begin(), live.end(), SameValue), live.end());
  return live;
}

// Of the versions that `counts(version)`.
template <typename Predicate>
ValuesStored CountValues(const Container& container, Predicate counts) {
  ValuesStored stored;
  std::vector<Dot> values;
  for (const Version& version : container.versions) {
    if (!counts(version)) continue;
    values.push_back(version.value_dot);
    stored.bytes += version.bytes.size();
  }
  std::ranges::sort(values);
  stored.values = static_cast<size_t>(std::unique(values.begin(), values.end()) - values.begin());
  return stored;
}

// What is live in `after` besides the write itself: its writer has not been shown that.
std::vector<Hole> Unseen(const Container& after, Dot written) {
  std::vector<Hole> holes;
  for (const Version& version : after.versions) {
    if (version.dot == written) continue;
    holes.push_back({version.dot.actor, version.dot.number, version.dot.number});
  }
  for (const Counter::Entry& entry : after.counter.entries()) {
    if (!entry.IsLive()) continue;
    const uint64_t first = std::max(entry.reset.number + 1, entry.first.number);
    holes.push_back({entry.first.actor, first, entry.total.number});
  }
  std::ranges::sort(holes, {}, [](const Hole& hole) { return std::tuple(hole.actor, hole.first); });
  return holes;
}

// `holes` by actor and number; they may overlap.
Context Without(const Context& context, const std::vector<Hole>& holes) {
  Context rest;
  for (Context::Interval left : context.intervals()) {
    for (const Hole& hole : holes) {
      if (hole.actor != left.actor || hole.last < left.first || left.last < hole.first) continue;
      // An interval that ends before it begins is not appended.
      if (left.first < hole.first) rest.AppendInterval({left.actor, left.first, hole.first - 1});
      left.first = hole.last + 1;
    }
    rest.AppendInterval(left);
  }
  return rest;
}

// The totals up to what was reset: what is live of them was not seen.
Counter SeenCounter(const Counter& counter) {
  Counter seen;
  for (const Counter::Entry& entry : counter.entries()) {
    const Counter::Sums& sums = entry.IsLive() ? entry.reset : entry.total;
    if (sums.number == 0) continue;
    seen.AppendEntry({.first = entry.first, .total = sums, .reset = {}});
  }
  return seen;
}

}  // namespace

std::vector<Version> SiblingsOf(const Container& container, int64_t now_ms, std::string& text) {
  const auto shown = ShownValue(container, now_ms, text);
  if (!shown) return {};
  std::vector<Version> siblings = LiveValues(container, now_ms);
  if (siblings.empty()) siblings.emplace_back();  // it was only ever counted
  siblings.front().bytes = shown->bytes;
  return siblings;
}

void ListHeads(const Container& container, int64_t now_ms, std::vector<SiblingHead>& out) {
  out.clear();
  for (const Version& version : LiveValues(container, now_ms)) {
    out.push_back({version.value_dot, version.hlc, version.bytes.size()});
  }
}

ValuesStored StoredIn(const Container& container) {
  return CountValues(container, [](const Version&) { return true; });
}

ValuesStored StoredAfterWrite(const Container& container, const Seen& seen, uint64_t bytes) {
  ValuesStored stored = CountValues(
      container, [&seen](const Version& version) { return !seen.context.Covers(version.dot); });
  ++stored.values;
  stored.bytes += bytes;
  return stored;
}

Seen SeenAfterWrite(const Container& after, const Seen& before, Dot written) {
  // A hole of a counter may hold the write itself, and what was seen before.
  Seen seen{.context = Without(after.context, Unseen(after, written)),
            .counter = SeenCounter(after.counter)};
  seen.Join(before);
  Context own;
  own.AppendInterval({written.actor, written.number, written.number});
  seen.context.Join(own);
  return seen;
}

}  // namespace cartwheel::cluster
