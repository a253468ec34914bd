#include "cluster/session_context.h"

namespace cartwheel::cluster {

const Seen* SessionContext::Find(const KeyRef& ref) {
  const auto place = places_.find(ref);
  if (place == places_.end()) return nullptr;
  keys_.splice(keys_.begin(), keys_, place->second);
  return &place->second->seen;
}

void SessionContext::Learn(const KeyRef& ref, const Seen& seen) {
  if (Find(ref) != nullptr) {
    keys_.front().seen.Join(seen);
    return;
  }
  keys_.push_front({ref.database, std::string(ref.key), seen});
  places_.emplace(KeyRef{ref.database, keys_.front().key}, keys_.begin());
  key_bytes_ += ref.key.size();
  while (keys_.size() > kMaxKeys || (key_bytes_ > kMaxKeyBytes && keys_.size() > 1)) {
    ForgetOldest();
  }
}

void SessionContext::ForgetOldest() {
  const Key& oldest = keys_.back();
  key_bytes_ -= oldest.key.size();
  places_.erase({oldest.database, oldest.key});
  keys_.pop_back();
}

}  // namespace cartwheel::cluster
