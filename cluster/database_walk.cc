#include "cluster/database_walk.h"

namespace cartwheel::cluster {

void DatabaseWalk::Seek(ScanPlace place) {
  at_key_ = false;
  place_ = kEndPlace;
  if (place >= kEndPlace) return;
  ++work_;
  cursor_->Seek(StoreKeyPrefix(SlotAt(place), database_, HashAt(place)));
  SkipToKey();
}

void DatabaseWalk::Next() {
  ++work_;
  cursor_->Next();
  SkipToKey();
}

// Every seek goes to a later slot, so a spent walk has moved on too.
void DatabaseWalk::SkipToKey() {
  at_key_ = false;
  for (;;) {
    if (!cursor_->Valid()) break;
    const auto parts = DecodeStoreKey(cursor_->key());
    if (!parts) {  // nothing we wrote
      cursor_->Next();
      continue;
    }
    if (parts->database == database_) {
      at_key_ = true;
      key_ = parts->key;
      place_ = PlaceOf(parts->slot, parts->hash);
      return;
    }
    const Slot next = parts->slot + (parts->database < database_ ? 0 : 1);
    if (next == kSlotCount) break;
    place_ = PlaceOf(next, 0);
    if (Spent()) return;
    ++work_;
    cursor_->Seek(StoreKeyPrefix(next, database_, 0));
  }
  place_ = kEndPlace;
}

}  // namespace cartwheel::cluster
