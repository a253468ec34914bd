#include "cluster/session_context.h"

#include <xxhash.h>

namespace cartwheel::cluster {
namespace {

uint64_t HashOf(const KeyRef& ref) {
  return XXH3_64bits_withSeed(ref.key.data(), ref.key.size(), ref.database);
}

}  // namespace

const Seen* SessionContext::Find(const KeyRef& ref) {
  if (places_.empty()) return nullptr;
  const auto found = places_.find(HashOf(ref));
  if (found == places_.end()) return nullptr;
  const Place place = found->second;
  const Entry& entry = entries_[place];
  if (entry.key != ref.key || entry.database != ref.database) return nullptr;
  Unlink(place);
  MakeNewest(place);
  return &entries_[place].seen;
}

void SessionContext::Learn(const KeyRef& ref, const Seen& seen) {
  if (Find(ref) != nullptr) {
    entries_[entries_.front().older].seen.Join(seen);
    return;
  }
  Entry& entry = Take(HashOf(ref));
  entry.database = ref.database;
  entry.key = ref.key;
  entry.seen = seen;
  key_bytes_ += ref.key.size();
  while (size() > kMaxKeys || (key_bytes_ > kMaxKeyBytes && size() > 1)) ForgetOldest();
}

// The newest entry, for this hash: another key's, or one that is free.
SessionContext::Entry& SessionContext::Take(uint64_t hash) {
  if (entries_.empty()) entries_.emplace_back();
  const auto [at, is_new] = places_.try_emplace(hash);
  if (!is_new) {
    key_bytes_ -= entries_[at->second].key.size();
    Unlink(at->second);
  } else if (!free_.empty()) {
    at->second = free_.back();
    free_.pop_back();
  } else {
    at->second = static_cast<Place>(entries_.size());
    entries_.emplace_back();
  }
  MakeNewest(at->second);
  entries_[at->second].hash = hash;
  return entries_[at->second];
}

void SessionContext::Unlink(Place place) {
  const Entry& entry = entries_[place];
  entries_[entry.newer].older = entry.older;
  entries_[entry.older].newer = entry.newer;
}

void SessionContext::MakeNewest(Place place) {
  Entry& ends = entries_.front();
  entries_[place].older = ends.older;
  entries_[place].newer = 0;
  entries_[ends.older].newer = place;
  ends.older = place;
}

void SessionContext::ForgetOldest() {
  const Place place = entries_.front().newer;
  Unlink(place);
  Entry& oldest = entries_[place];
  key_bytes_ -= oldest.key.size();
  places_.erase(oldest.hash);
  oldest.key.clear();
  oldest.key.shrink_to_fit();
  oldest.seen = {};
  free_.push_back(place);
}

}  // namespace cartwheel::cluster
