// Packs the leaves of the store: joins neighbours that are far from full.
//
// A leaf that overflows becomes two half full ones, and LMDB joins a leaf with its neighbour only
// when it is less than a quarter full. So where records come and go all over the store, as in a
// cache that evicts, leaves end up little more than half full, and the same bytes of disk hold a
// third fewer records than they could.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

#include "storage/engine.h"
#include "storage/lmdb_store.h"

namespace cartwheel::storage {

class LmdbPacker {
 public:
  // A place in the store: before the records of a keyspace from this stored key on.
  struct Place {
    size_t keyspace = 0;
    std::string key;
    auto operator<=>(const Place&) const = default;
  };
  static Place End() { return {.keyspace = kKeyspaceCount, .key = {}}; }

  // Goes on through the store from where it ended before, over about `leaves` leaves, and writes
  // them anew where that saves a page for every eight that it writes. It goes behind a flush that
  // has come to `flushed`: up to there, or if it is beyond that already to the end, and then begins
  // again. In transactions of at most `transaction_pages`, after each of which the store has the
  // same records; so it has after an error, which is LMDB's code. By the thread that flushes.
  int Pack(const LmdbStore& store, const Place& flushed, uint64_t leaves,
           uint64_t transaction_pages);

 private:
  class Search;

  Place next_;
};

}  // namespace cartwheel::storage
