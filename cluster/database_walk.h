// Walks the keys of one database in store order (slot, hash), stepping with a seek over what other
// databases keep in between.
//
// Work is counted in engine steps, seeks and keys alike, so that a walk over a sparse database can
// stop half way and be taken up again at its place.
#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <string_view>

#include "cluster/scan_place.h"
#include "cluster/store_key.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

class DatabaseWalk {
 public:
  static constexpr size_t kUnbounded = std::numeric_limits<size_t>::max();

  // A write to the engine ends the walk: go on with a new one.
  DatabaseWalk(storage::Reader& reader, Database database, size_t budget)
      : cursor_(reader.NewCursor(storage::Keyspace::kData)), database_(database), budget_(budget) {}

  // To the first key at or after `place`, which may be any number: none is at or after kEndPlace.
  void Seek(ScanPlace place);
  // To the next key; only while AtKey().
  void Next();

  // False at the end of the database, and where the budget ran out before a key was found.
  bool AtKey() const { return at_key_; }
  // Of the key; without one, where to go on; kEndPlace when nothing is left. After a Seek it is the
  // place sought or, without a key, a later one.
  ScanPlace place() const { return place_; }
  // The work done reached the budget. Keys are still found, slots without any no longer skipped.
  bool Spent() const { return work_ >= budget_; }

  // Of the key the walk stands at; valid until the walk moves.
  std::string_view key() const { return key_; }
  std::string_view store_key() const { return cursor_->key(); }
  std::string_view record() const { return cursor_->value(); }

 private:
  void SkipToKey();

  std::unique_ptr<storage::Cursor> cursor_;
  Database database_;
  size_t budget_;
  size_t work_ = 0;
  ScanPlace place_ = 0;
  bool at_key_ = false;
  std::string_view key_;
};

}  // namespace cartwheel::cluster
