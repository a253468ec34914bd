// A partition's records in the store, one behind the other.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "cluster/store_key.h"
#include "cluster/vnode.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

inline std::string FirstOf(Partition partition) {
  return StoreKeyPrefix(static_cast<Slot>(partition * kSlotsPerPartition), 0, 0);
}

// Behind its last one; empty: nothing is.
inline std::string EndOf(Partition partition) {
  return partition + 1 < kPartitions ? FirstOf(static_cast<Partition>(partition + 1)) : "";
}

// For the records of one partition: where those of others have been deleted it does not look.
inline std::unique_ptr<storage::Cursor> CursorOf(storage::Engine& engine, Partition partition) {
  auto cursor = engine.NewCursor(storage::Keyspace::kData);
  cursor->StopAt(EndOf(partition));
  return cursor;
}

// To the record behind the store key `after`; empty: to the first.
inline void SeekBehind(storage::Cursor& cursor, Partition partition, std::string_view after) {
  cursor.Seek(after.empty() ? FirstOf(partition) : std::string(after));
  if (!after.empty() && cursor.Valid() && cursor.key() == after) cursor.Next();
}

inline bool IsOf(Partition partition, std::string_view store_key) {
  const auto parts = DecodeStoreKey(store_key);
  return parts && PartitionOf(parts->slot) == partition;
}

}  // namespace cartwheel::cluster
