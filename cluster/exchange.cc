#include "cluster/exchange.h"

#include <algorithm>

namespace cartwheel::cluster {

void DropRemovedAtPeer(Container& container, const Container* at_peer,
                       const ReceivedDots& peer_received) {
  const auto gone = std::remove_if(
      container.versions.begin(), container.versions.end(), [&](const Version& version) {
        const bool live = at_peer != nullptr && at_peer->Find(version.dot) != nullptr;
        return !live && peer_received.Has(version.dot);
      });
  container.versions.erase(gone, container.versions.end());
  container.counter.DropIf([&](const Counter::Entry& entry) {
    if (at_peer != nullptr && at_peer->counter.Find(entry.first) != nullptr) return false;
    return peer_received.Has(entry.last()) ||
           (at_peer != nullptr && at_peer->context.Covers(entry.last()));
  });
}

Container Exchange(const Container* a, const ReceivedDots& a_received, const Container* b,
                   const ReceivedDots& b_received, bool both_complete) {
  Container of_a = a == nullptr ? Container{} : *a;
  Container of_b = b == nullptr ? Container{} : *b;
  if (!both_complete) {
    DropRemovedAtPeer(of_a, b, b_received);
    DropRemovedAtPeer(of_b, a, a_received);
  }
  return Sync(of_a, of_b);
}

}  // namespace cartwheel::cluster
