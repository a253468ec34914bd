#include "cluster/store_key.h"

#include <cstring>

#include <xxhash.h>

#include "cluster/encoding.h"

namespace cartwheel::cluster {
namespace {

constexpr size_t kDatabaseAt = 2;
constexpr size_t kHashAt = 3;

void StorePrefix(Slot slot, Database database, uint64_t hash, char* at) {
  StoreBig<2>(slot, at);
  at[kDatabaseAt] = static_cast<char>(database);
  StoreBig<8>(hash, at + kHashAt);
}

}  // namespace

ScanPlace PlaceOfKey(std::string_view key) {
  return PlaceOf(SlotOf(key), XXH3_64bits(key.data(), key.size()));
}

void EncodeStoreKey(const KeyRef& ref, std::string& out) {
  out.resize(kStoreKeyPrefix + ref.key.size());
  StorePrefix(SlotOf(ref.key), ref.database, XXH3_64bits(ref.key.data(), ref.key.size()),
              out.data());
  // An empty key may have no data() at all, which memcpy does not allow.
  if (!ref.key.empty()) std::memcpy(out.data() + kStoreKeyPrefix, ref.key.data(), ref.key.size());
}

std::optional<StoreKeyParts> DecodeStoreKey(std::string_view bytes) {
  if (bytes.size() < kStoreKeyPrefix) return std::nullopt;
  const StoreKeyParts parts{.slot = static_cast<Slot>(LoadBig<2>(bytes.data())),
                            .database = static_cast<Database>(bytes[kDatabaseAt]),
                            .hash = LoadBig<8>(bytes.data() + kHashAt),
                            .key = bytes.substr(kStoreKeyPrefix)};
  if (parts.slot >= kSlotCount || parts.database >= kMaxDatabases) return std::nullopt;
  return parts;
}

// The same key of two databases is two keys.
uint64_t UseHashOf(std::string_view store_key) {
  return LoadBig<8>(store_key.data() + kHashAt) +
         static_cast<uint8_t>(store_key[kDatabaseAt]) * uint64_t{0x9e3779b97f4a7c15};
}

std::string StoreKeyPrefix(Slot slot, Database database, uint64_t hash) {
  std::string prefix(kStoreKeyPrefix, '\0');
  StorePrefix(slot, database, hash, prefix.data());
  return prefix;
}

}  // namespace cartwheel::cluster
