#include "cluster/bases.h"

#include <algorithm>
#include <set>
#include <utility>

namespace cartwheel::cluster {
namespace {

// Numbers that both have received up to.
void KeepLeast(std::map<ActorId, uint64_t>& floor, const ReceivedDots& received) {
  for (auto& [actor, number] : floor) number = std::min(number, received.BaseOf(actor));
  std::erase_if(floor, [](const auto& entry) { return entry.second == 0; });
}

std::map<ActorId, uint64_t> AllBases(const ReceivedDots& received) {
  std::map<ActorId, uint64_t> bases;
  for (const ActorId actor : received.actors()) bases[actor] = received.BaseOf(actor);
  return bases;
}

}  // namespace

OwnerWord WordOf(const Vnode& vnode) {
  return {.actor = vnode.actor,
          .counter = vnode.counter,
          .rebuilding = vnode.rebuilding,
          .received = vnode.received};
}

void Bases::Heard(NodeId owner, OwnerWord told, const ReceivedDots& received) {
  Owner& of_owner = owners_[owner];
  Promote(of_owner, received);
  if (of_owner.counts && of_owner.counts->actor != told.actor) of_owner.counts.reset();
  of_owner.latest = std::move(told);
  Promote(of_owner, received);
}

void Bases::Promote(Owner& owner, const ReceivedDots& received) {
  if (!owner.latest || received.BaseOf(owner.latest->actor) < owner.latest->counter) return;
  owner.counts = std::exchange(owner.latest, std::nullopt);
}

Floor Bases::FloorOf(std::span<const NodeId> others, const Vnode& own) {
  std::map<ActorId, uint64_t> floor = AllBases(own.received);
  std::set<ActorId> present{own.actor};
  for (const NodeId node : others) {
    Owner& owner = owners_[node];
    Promote(owner, own.received);
    if (!owner.counts || owner.counts->rebuilding) return {};
    KeepLeast(floor, owner.counts->received);
    present.insert(owner.counts->actor);
  }
  Floor result;
  for (const auto& [actor, number] : floor) {
    result.Set(actor, number);
    const bool is_closed = number == kMaxDotNumber;  // at all owners
    if (!present.contains(actor) && !is_closed) result.SetFormer(actor);
  }
  return result;
}

bool Bases::IsAllHere(std::span<const NodeId> others, const ReceivedDots& received) const {
  return std::ranges::all_of(others, [&](NodeId node) {
    const OwnerWord* const word = LastOf(node);
    return word != nullptr && received.Includes(word->received);
  });
}

}  // namespace cartwheel::cluster
