// Room made by one node alone, of what was not used for longest, or seldom.
#include <algorithm>
#include <utility>

#include "cluster/any_record.h"
#include "cluster/local_store.h"
#include "cluster/rendezvous.h"
#include "cluster/shown_value.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {

using storage::Keyspace;

bool LocalStore::NoteUse(const KeyRef& ref, int64_t now_ms) {
  if (!usage_.tracks()) return false;
  EncodeStoreKey(ref, store_key_);
  return usage_.Touch(UseHashOf(store_key_), now_ms);
}

// Whether the key was here before is not known any more; it is no colder than a new one.
void LocalStore::NoteCopy(const KeyRef& ref, int64_t now_ms) {
  if (!usage_.tracks()) return;
  EncodeStoreKey(ref, store_key_);
  const uint64_t hash = UseHashOf(store_key_);
  if (usage_.IsAsNew(hash, now_ms)) {
    usage_.TouchNew(hash, now_ms);
  } else {
    usage_.Touch(hash, now_ms);
  }
}

void LocalStore::NoteWrite(const Stored& stored, int64_t now_ms) {
  if (stored.state == Stored::State::kAbsent) {
    usage_.TouchNew(UseHashOf(store_key_), now_ms);
  } else {
    usage_.Touch(UseHashOf(store_key_), now_ms);
  }
}

// nullopt: the policy leaves it, or there is nothing that could go.
std::optional<uint64_t> LocalStore::ColdnessOf(std::string_view store_key, std::string_view record,
                                               const VictimTerms& terms, uint64_t& random_state,
                                               int64_t now_ms) {
  const auto parts = DecodeStoreKey(store_key);
  if (!parts || !ownership_.Owns(PartitionOf(parts->slot))) return std::nullopt;
  const bool must_expire = TakesOnlyWhatExpires(terms.policy);
  if (must_expire || MayBeHidden(record)) {
    const ActorTable& actors = vnodes_.ActorsOf(PartitionOf(parts->slot));
    const auto decoded = DecodeAnyRecord(store_key, record, actors, container_);
    if (!decoded || container_.IsDeleted()) return std::nullopt;
    if (must_expire && GoneAt(container_) == kNoExpiry) return std::nullopt;
  }
  if (terms.policy == EvictionPolicy::kVolatileTtl) {
    return UINT64_MAX - static_cast<uint64_t>(GoneAt(container_));
  }
  const bool by_use = GoesByRecency(terms.policy) || GoesByFrequency(terms.policy);
  return by_use ? usage_.ColdnessOf(UseHashOf(store_key), now_ms) : NextRandom(random_state);
}

// Looks at so many records from `hand` on, which moves along and is empty at the end.
size_t LocalStore::OfferVictims(VictimPool& pool, std::string& hand, size_t looks,
                                const VictimTerms& terms, uint64_t& random_state, int64_t now_ms) {
  size_t looked = 0;
  const auto cursor = engine_->NewCursor(Keyspace::kData);
  for (cursor->Seek(hand); cursor->Valid() && looked < looks; cursor->Next(), ++looked) {
    const auto coldness = ColdnessOf(cursor->key(), cursor->value(), terms, random_state, now_ms);
    if (coldness) pool.Offer(cursor->key(), *coldness);
  }
  hand = cursor->Valid() ? std::string(cursor->key()) : std::string();
  return looked;
}

// Whether nobody has used it since it was looked at.
bool LocalStore::IsCold(const Victim& victim, const VictimTerms& terms, int64_t now_ms) {
  const bool by_use = GoesByRecency(terms.policy) || GoesByFrequency(terms.policy);
  return !by_use || usage_.ColdnessOf(UseHashOf(victim.store_key), now_ms) >= victim.coldness;
}

std::vector<LocalStore::Evicted> LocalStore::EvictColdest(const VictimTerms& terms, uint64_t bytes,
                                                          size_t limit, uint64_t& random_state,
                                                          int64_t now_ms) {
  constexpr size_t kAtATime = 16;
  constexpr uint64_t kSmallRecord = 256;
  // Without finding any: in vain at a policy that takes few, else what is damaged stands there.
  size_t looks_left = TakesOnlyWhatExpires(terms.policy) ? 500 : 5'000;
  size_t circles_left = 2;  // in vain, of a store with few keys
  std::vector<Evicted> evicted;
  const int64_t volume_before = volume_;
  uint64_t freed = 0;
  while (freed < bytes && evicted.size() < limit && looks_left > 0 && circles_left > 0) {
    const size_t wanted =
        std::min<size_t>({kAtATime, limit - evicted.size(),
                          static_cast<size_t>((bytes - freed) / kSmallRecord) + 1});
    const size_t looks = std::max<size_t>(terms.samples, 1) * wanted;
    const size_t looked = OfferVictims(victims_, victim_hand_, looks, terms, random_state, now_ms);
    looks_left -= std::min(looks_left, std::max<size_t>(looked, 1));
    bool found = false;
    for (size_t i = 0; i < wanted && freed < bytes; ++i) {
      const auto victim = victims_.Take();
      if (!victim) break;
      if (!IsCold(*victim, terms, now_ms)) continue;
      auto gone = Evict(victim->store_key, now_ms);
      if (!gone) continue;
      found = true;
      evicted.push_back(*std::move(gone));
      // Of small values most is what the records take beside them.
      freed = std::max(freed + evicted.back().bytes,
                       static_cast<uint64_t>(std::max<int64_t>(volume_before - volume_, 0)));
    }
    if (!found) {  // it goes on there, and from the beginning behind the end
      circles_left -= victim_hand_.empty() ? 1 : 0;
      continue;
    }
    const uint64_t random = NextRandom(random_state);
    victim_hand_ = StoreKeyPrefix(static_cast<Slot>(random % kSlotCount), 0, random);
  }
  if (evicted.empty() && TakesOnlyWhatExpires(terms.policy)) {
    return EvictNextToExpire(bytes, limit, now_ms);
  }
  return evicted;
}

}  // namespace cartwheel::cluster
