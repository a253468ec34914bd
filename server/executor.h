// Runs an operation on this node: reads the values of its keys, applies it, writes the changes.
//
// The place where later a coordinator stands: what it is given and what it answers stay the same.
#pragma once

#include <vector>

#include "cluster/local_store.h"
#include "server/operation.h"
#include "server/statistics.h"
#include "server/watch_table.h"

namespace cartwheel::server {

class Executor {
 public:
  Executor(cluster::LocalStore& store, WatchTable& watches, Statistics& statistics)
      : store_(store), watches_(watches), statistics_(statistics) {}

  // Writes exactly one reply. A damaged record of one of the keys is the reply's error unless the
  // operation does not look at it.
  void Execute(const OperationRequest& request, int64_t now_ms, size_t max_string_bytes,
               resp::ReplyWriter& reply);

  // Uncommitted changes exist since the last OnCommit: replies from here on depend on the turn's
  // commit.
  bool uncommitted() const { return uncommitted_; }
  void NoteChange() { uncommitted_ = true; }
  void OnCommit() { uncommitted_ = false; }

 private:
  bool ReadValues(const OperationRequest& request, Access access, int64_t now_ms,
                  resp::ReplyWriter& reply);

  cluster::LocalStore& store_;
  WatchTable& watches_;
  Statistics& statistics_;
  bool uncommitted_ = false;
  std::vector<std::optional<cluster::Value>> values_;  // scratch, reused
  std::vector<cluster::Change> changes_;               // scratch, reused
};

}  // namespace cartwheel::server
