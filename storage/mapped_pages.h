// How much of the store's file a helper thread may have mapped by reading it, and when to let go.
//
// What is read through a file's map counts as memory in use until it is let go of, or a flush would
// show as memory as large as the store. Letting go costs every thread of the process its view of
// the map, so it is done only when much can be mapped.
#pragma once

#include <cstdint>

#include "storage/lmdb_store.h"

namespace cartwheel::storage {

class MappedPages {
 public:
  explicit MappedPages(const LmdbStore& store) : store_(store), faults_(FaultsOfThread()) {}

  // After each record that was looked for.
  void Touched() {
    if (++touched_ % kTouchesPerLook == 0) LetGoOfMuch();
  }
  void LetGo();

 private:
  // Asking is a system call.
  static constexpr uint64_t kTouchesPerLook = 64;

  static uint64_t FaultsOfThread();
  void LetGoOfMuch();

  const LmdbStore& store_;
  uint64_t touched_ = 0;
  uint64_t faults_;  // when it last let go
};

}  // namespace cartwheel::storage
