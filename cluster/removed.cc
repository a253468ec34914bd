#include "cluster/removed.h"

namespace cartwheel::cluster {

bool WasRemoved(const Version& version, const Container* record, const ReceivedDots& received) {
  if (record != nullptr && record->Find(version.dot) != nullptr) return false;
  return received.Has(version.dot);
}

bool WasRemoved(const Counter::Entry& entry, const Container* record,
                const ReceivedDots& received) {
  const Counter::Entry* const own = record == nullptr ? nullptr : record->counter.Find(entry.first);
  if (own != nullptr && own->total.number >= entry.total.number) return false;
  return received.Has(entry.last());
}

}  // namespace cartwheel::cluster
