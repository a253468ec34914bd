// The changes of all keyspaces between two seals of the memory table, and the log position that
// holds the last of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "storage/engine.h"
#include "storage/layer.h"
#include "storage/log_format.h"

namespace cartwheel::storage {

struct Generation {
  std::array<Layer, kKeyspaceCount> layers;
  uint64_t bytes = 0;  // of its entries
  uint64_t keys = 0;
  uint64_t changes = 0;  // writes, of one key as often as they happened

  // Once sealed:
  uint64_t last_sequence = 0;
  LogPosition end = 0;
  uint32_t snapshots = 0;  // that read it
  bool flushed = false;
  // How far its entries have been given up, layer by layer (MemoryTable::Reclaim).
  size_t retired_layers = 0;
  size_t retired_entries = 0;

  Layer& layer(Keyspace keyspace) { return layers[static_cast<size_t>(keyspace)]; }
  const Layer& layer(Keyspace keyspace) const { return layers[static_cast<size_t>(keyspace)]; }
  bool empty() const { return changes == 0; }
};

}  // namespace cartwheel::storage
