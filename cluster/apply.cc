#include "cluster/apply.h"

#include <algorithm>

#include "cluster/read_quorum.h"
#include "cluster/removed.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

bool IsFlushed(Dot dot, const FlushMap& flushed) {
  const auto found = flushed.find(dot.actor);
  return found != flushed.end() && dot.number <= found->second;
}

}  // namespace

// Whoever received the last write of an interval received the interval's beginning in its context.
bool IsAllReceived(const Context& context, const ReceivedDots& received) {
  return std::ranges::all_of(SessionDots(context), [&](Dot dot) { return received.Has(dot); });
}

std::optional<Container> ApplyCopy(const Container* local, Container copy,
                                   const ReceivedDots& received, const Floor& floor,
                                   const FlushMap& flushed) {
  const auto is_obsolete = [&](const Version& version) {
    return IsFlushed(version.dot, flushed) || WasRemoved(version, local, received);
  };
  const bool was_live = !copy.IsDeleted();
  const auto gone = std::remove_if(copy.versions.begin(), copy.versions.end(), is_obsolete);
  copy.versions.erase(gone, copy.versions.end());
  copy.counter.ResetIf([&](const Counter::Entry& entry) {
    return IsFlushed(entry.last(), flushed) || WasRemoved(entry, local, received);
  });
  if (local != nullptr) return Sync(*local, copy);
  copy.own_contiguous = false;
  const bool known = was_live && copy.IsDeleted() && IsAllReceived(copy.context, received);
  if (known || MayForget(copy, floor)) return std::nullopt;
  return copy;
}

bool MayForget(const Container& container, const Floor& floor) {
  if (IsPlanted(Mutation::kForgetsUnseen)) return container.IsDeleted();
  return container.IsDeleted() && container.context.IsWithin(floor) &&
         std::ranges::none_of(container.counter.entries(), [&floor](const Counter::Entry& entry) {
           return floor.IsFormer(entry.first.actor);
         });
}

}  // namespace cartwheel::cluster
