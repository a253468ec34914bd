#include "cluster/bases.h"

#include <algorithm>
#include <set>
#include <utility>

namespace cartwheel::cluster {
namespace {

// Numbers that both have received up to.
void KeepLeast(std::map<ActorId, uint64_t>& floor, const std::map<ActorId, uint64_t>& bases) {
  for (auto at = floor.begin(); at != floor.end();) {
    const auto base = bases.find(at->first);
    if (base == bases.end()) {
      at = floor.erase(at);
    } else {
      at->second = std::min(at->second, base->second);
      ++at;
    }
  }
}

std::map<ActorId, uint64_t> AllBases(const ReceivedDots& received) {
  std::map<ActorId, uint64_t> bases;
  for (const ActorId actor : received.actors()) bases[actor] = received.BaseOf(actor);
  return bases;
}

}  // namespace

OwnerBases BasesOf(const Vnode& vnode) {
  OwnerBases own{.actor = vnode.actor, .counter = vnode.counter};
  if (!vnode.rebuilding) own.bases = AllBases(vnode.received);
  return own;
}

void Bases::Heard(NodeId owner, OwnerBases told, const ReceivedDots& received) {
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
    if (!owner.counts) return {};
    KeepLeast(floor, owner.counts->bases);
    present.insert(owner.counts->actor);
  }
  Floor result;
  for (const auto& [actor, number] : floor) {
    result.Set(actor, number);
    if (!present.contains(actor)) result.SetFormer(actor);
  }
  return result;
}

}  // namespace cartwheel::cluster
