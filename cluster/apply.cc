#include "cluster/apply.h"

#include <algorithm>
#include <utility>

namespace cartwheel::cluster {
namespace {

bool IsFlushed(Dot dot, const FlushMap& flushed) {
  const auto found = flushed.find(dot.actor);
  return found != flushed.end() && dot.number <= found->second;
}

}  // namespace

std::optional<Container> ApplyCopy(const Container* local, Container copy,
                                   const ReceivedDots& received, const Floor& floor,
                                   const FlushMap& flushed) {
  const auto is_obsolete = [&](const Version& version) {
    if (IsFlushed(version.dot, flushed)) return true;
    // What the record knows is for Sync to judge.
    const bool known = local != nullptr && local->context.Covers(version.dot);
    return !known && received.Has(version.dot);
  };
  const auto gone = std::remove_if(copy.versions.begin(), copy.versions.end(), is_obsolete);
  copy.versions.erase(gone, copy.versions.end());
  copy.counter.DropIf([&](const Counter::Entry& entry) {
    if (IsFlushed(entry.last(), flushed)) return true;
    // Entries stay as long as their record, reset or not. One that is missing was forgotten, be it
    // with an earlier record or, by who sent it, with its part in the context of this one.
    if (local != nullptr && local->counter.Find(entry.first) != nullptr) return false;
    return received.Has(entry.last()) || (local != nullptr && local->context.Covers(entry.last()));
  });
  if (local != nullptr) return Sync(*local, copy);
  copy.own_contiguous = false;
  if (MayForget(copy, floor)) return std::nullopt;
  return copy;
}

bool MayForget(const Container& container, const Floor& floor) {
  return container.IsDeleted() && container.context.IsWithin(floor) &&
         std::ranges::none_of(container.counter.entries(), [&floor](const Counter::Entry& entry) {
           return floor.IsFormer(entry.first.actor);
         });
}

}  // namespace cartwheel::cluster
