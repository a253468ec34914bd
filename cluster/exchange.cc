#include "cluster/exchange.h"

#include <algorithm>

#include "cluster/removed.h"

namespace cartwheel::cluster {

void DropRemovedAtPeer(Container& container, const Container* at_peer,
                       const ReceivedDots& peer_received) {
  const auto gone = std::remove_if(
      container.versions.begin(), container.versions.end(),
      [&](const Version& version) { return WasRemoved(version, at_peer, peer_received); });
  container.versions.erase(gone, container.versions.end());
  container.counter.ResetIf(
      [&](const Counter::Entry& entry) { return WasRemoved(entry, at_peer, peer_received); });
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
