// Runs an operation on this node: reads the values of its keys, applies it, writes the changes.
//
// The place where later a coordinator stands: what it is given and what it answers stay the same.
#pragma once

#include <vector>

#include "cluster/local_store.h"
#include "server/config.h"
#include "server/conflict_log.h"
#include "server/operation.h"
#include "server/statistics.h"
#include "server/watch_table.h"

namespace cartwheel::server {

class Executor {
 public:
  Executor(cluster::LocalStore& store, WatchTable& watches, Statistics& statistics,
           ConflictLog& conflicts, const Config& config)
      : store_(store),
        watches_(watches),
        statistics_(statistics),
        conflicts_(conflicts),
        config_(config) {}

  // Writes exactly one reply. A damaged record of one of the keys is the reply's error unless the
  // operation does not look at it.
  void Execute(const OperationRequest& request, int64_t now_ms, size_t max_string_bytes,
               resp::ReplyWriter& reply);

  // For commands that know of siblings. All that is known of a key; nullptr after an error reply:
  // its record is damaged. Valid until the next read or write.
  const cluster::Container* ReadContainer(const cluster::KeyRef& ref, resp::ReplyWriter& reply);
  // A write that supersedes what its client has `seen`, and nothing else.
  void WriteSeen(const cluster::KeyRef& ref, const cluster::Change& change,
                 const cluster::Seen& seen, int64_t now_ms);

  // Uncommitted changes exist since the last OnCommit: replies from here on depend on the turn's
  // commit.
  bool uncommitted() const { return uncommitted_; }
  void NoteChange() { uncommitted_ = true; }
  void OnCommit() { uncommitted_ = false; }

 private:
  bool ReadValues(const OperationRequest& request, Access access, int64_t now_ms,
                  resp::ReplyWriter& reply);
  void NoteRead(const cluster::KeyRef& ref, bool found, int64_t now_ms);
  void FindUse(const cluster::KeyRef& ref, int64_t now_ms);
  void NoteConflicts(ConflictKind kind, const cluster::KeyRef& ref, int64_t now_ms);

  cluster::LocalStore& store_;
  WatchTable& watches_;
  Statistics& statistics_;
  ConflictLog& conflicts_;
  const Config& config_;
  bool uncommitted_ = false;
  KeyUse use_;
  std::vector<std::optional<cluster::Value>> values_;  // scratch, reused
  std::vector<cluster::Change> changes_;               // scratch, reused
};

}  // namespace cartwheel::server
