// Under the log: the ordered store that the log's changes are flushed to in large sorted batches.
//
// It is read by the engine's thread and flushed by one helper thread at the same time. LMDB is the
// one on disk (lmdb_base_store.h); tests have one in memory that forgets what was not committed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "storage/engine.h"
#include "storage/flush_plan.h"
#include "storage/log_format.h"

namespace cartwheel::storage {

// A Reader that can be let go of: reads begin a view of the last commit, EndTurn ends it.
class BaseReader : public Reader {
 public:
  // Fixes the state that is read now rather than at the first read. False: it cannot be read.
  virtual bool Begin() = 0;
  virtual void EndTurn() = 0;
};

class BaseStore {
 public:
  struct HowToFlush {
    uint64_t transaction_keys = 0;  // at most
    // Has records take less space where they lie loosely, on the way: those that the plan changes,
    // and others in turn. Costs about as much writing again.
    bool packs = false;
  };

  virtual ~BaseStore() = default;

  // The log position that the last whole flush covered; 0 in a new store. While no flush runs.
  virtual LogPosition covered() const = 0;

  // A read that fails stores its error in `failure`, which outlives the reader.
  virtual std::unique_ptr<BaseReader> NewReader(std::optional<Error>& failure) = 0;

  // Applies the plan durably, in as many transactions as the limit asks for: the last one stores
  // `covered`, so a crash in the middle leaves a store over which replaying the log from the old
  // position gives the same result. Run by the helper thread. After kNoSpace nothing is lost and
  // the same flush may be tried again; after kIo it may not.
  virtual Result<void> Flush(const FlushPlan& plan, const HowToFlush& how) = 0;
  // After a Flush that failed: whether the store was only too small and has been enlarged, so that
  // the flush is worth another try at once. Called by the engine's thread while no reader is
  // active and no flush runs.
  virtual bool GrowAfterFailure() = 0;

  // Lets the system have back the memory through which the store's file was read. Any thread, but
  // not during GrowAfterFailure.
  virtual void ReleasePages() = 0;

  virtual uint64_t bytes_on_disk() const = 0;
  // Of bytes_on_disk, what a further flush can fill before the files grow; as of the last flush.
  virtual uint64_t free_bytes() const = 0;
};

}  // namespace cartwheel::storage
