#include "cluster/removed.h"

#include "storage/mutation.h"

namespace cartwheel::cluster {

bool WasRemoved(const Version& version, const Container* record, const ReceivedDots& received) {
  if (record != nullptr && record->Find(version.dot) != nullptr) return false;
  return received.Has(version.dot) && !IsPlanted(Mutation::kIgnoresReceived);
}

bool WasRemoved(const Counter::Entry& entry, const Container* record,
                const ReceivedDots& received) {
  const Counter::Entry* const own = record == nullptr ? nullptr : record->counter.Find(entry.first);
  if (own != nullptr && own->total.number >= entry.total.number) return false;
  return received.Has(entry.last()) && !IsPlanted(Mutation::kIgnoresReceived);
}

}  // namespace cartwheel::cluster
