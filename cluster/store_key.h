// The byte string under which a key's record is stored: big-endian slot, database, XXH3-64 of the
// key, the key.
//
// So a slot is one contiguous range of the store (a partition too, and later a Merkle leaf), and
// within one slot and database keys stand in hash order, which a stateless SCAN cursor can name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/scan_place.h"
#include "cluster/slot.h"
#include "cluster/value.h"

namespace cartwheel::cluster {

inline constexpr size_t kStoreKeyPrefix = 2 + 1 + 8;

struct StoreKeyParts {
  Slot slot;
  Database database;
  uint64_t hash;  // XXH3-64 of `key`
  std::string_view key;
};

// Where a listing of its database shows the key.
ScanPlace PlaceOfKey(std::string_view key);

// Overwrites `out`, whose capacity is reused.
void EncodeStoreKey(const KeyRef& ref, std::string& out);

// nullopt when the bytes are no store key (too short, slot or database out of range). `key` is a
// view.
std::optional<StoreKeyParts> DecodeStoreKey(std::string_view bytes);

// By what a usage sketch (usage_sketch.h) knows the key. `store_key` is one.
uint64_t UseHashOf(std::string_view store_key);

// The smallest store key of (slot, database, hash): where a seek starts.
std::string StoreKeyPrefix(Slot slot, Database database, uint64_t hash);

}  // namespace cartwheel::cluster
