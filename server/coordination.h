// Clients' operations on a node that has peers: each waits for a quorum of its keys' replicas where
// Executor needs only this node's own.
//
// A read asks R replicas of each key and applies the operation to what they know together. A blind
// write changes this node's replica at once and waits for W copies. An update reads first, takes
// what it learnt into this node's replica, and then reads, decides and writes there in one step: so
// updates of a key that go through the same node never overwrite each other.
//
// Calls are numbered, replies are values: whoever began one gets its reply from TakeFinished, in
// the order in which they became known.
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cluster/node.h"
#include "cluster/owned_container.h"
#include "cluster/session_context.h"
#include "resp/reply_writer.h"
#include "server/command.h"
#include "server/config.h"
#include "server/conflict_log.h"
#include "server/ops/dyn.h"
#include "server/statistics.h"
#include "server/watch_table.h"

namespace cartwheel::server {

using CallId = uint64_t;

// Whether nodes of a cluster run it together: operations on keys, and those that know of siblings.
bool IsCoordinated(const Command& command);

class Coordination {
 public:
  // What a call is besides its command.
  struct Terms {
    cluster::Database database = 0;
    resp::Protocol protocol = resp::Protocol::kResp2;
    cluster::Levels levels;
    // What the client's connection has seen; may be nullptr. Outlives the call, or Forget is
    // called.
    cluster::SessionContext* session = nullptr;
    // Where the names of the writes go that are made for the client; the same holds of it.
    cluster::OwnWrites* writes = nullptr;
  };
  struct Finished {
    CallId id = 0;
    std::string reply;
    bool uncommitted = false;  // it saw or made changes of this turn
    // Of a call that began with `seen`: what its client has seen now.
    std::unique_ptr<cluster::Seen> seen;
    // ... and the writes that were made for it.
    cluster::OwnWrites writes;
  };

  // All outlive it.
  Coordination(cluster::Node& node, cluster::LocalStore& store, WatchTable& watches,
               Statistics& statistics, ConflictLog& conflicts, const Config& config,
               const cluster::TokenKey& token_key)
      : node_(node),
        store_(store),
        watches_(watches),
        statistics_(statistics),
        conflicts_(conflicts),
        config_(config),
        token_key_(token_key) {}

  // Begins the operation of a command whose arity fits. An ill-formed one is finished at once.
  // `seen`: by a client of another gateway, instead of terms.session; nullptr: one of this node's.
  CallId Begin(const Command& command, Args args, const Terms& terms, const cluster::Seen* seen,
               cluster::Time now);
  // Whether the call that was begun last is not over and an update: what its client asks for next
  // has to see what it does.
  bool LastWasUpdate() const;
  // The session is gone: what it has begun goes on, for nobody.
  void Forget(const cluster::SessionContext& session);

  // Takes in what became of one of the node's requests.
  void On(const cluster::Node::Event& event, cluster::Time now);
  std::vector<Finished> TakeFinished() { return std::exchange(finished_, {}); }

  // Changes were made since the last commit.
  bool uncommitted() const { return uncommitted_; }
  void OnCommit() { uncommitted_ = false; }
  size_t calls_under_way() const { return calls_.size(); }

 private:
  struct Call {
    CallId id = 0;
    const Command* command = nullptr;
    Terms terms;
    std::string owned;                                         // all arguments
    boost::container::small_vector<std::string_view, 4> args;  // views into `owned`
    OperationRequest request;                                  // borrows from `args`
    std::unique_ptr<DynOperation> dyn;                         // instead of request.operation
    Access access = Access::kRead;
    size_t waiting = 0;                           // requests of the node
    std::vector<cluster::OwnedContainer> merged;  // by key, of reads of several
    const cluster::Container* only = nullptr;     // of a read of one, while its event is handled
    boost::container::small_vector<cluster::Seen, 1> written;  // by key
    std::optional<cluster::ReadOutcome> failed_read;
    std::optional<cluster::WriteOutcome> failed_write;
    std::string reply;
    std::unique_ptr<cluster::Seen> seen;
    cluster::OwnWrites writes;  // of a client of another gateway
  };
  // One of the node's requests that a call waits for.
  struct Part {
    CallId call;
    size_t key;
  };

  Call& Add(const Command& command, Args args, const Terms& terms);
  bool Parse(Call& call, cluster::Time now);
  bool ParseDynCall(Call& call, cluster::Time now);
  void BeginReads(Call& call, cluster::Time now);
  void BeginWrites(Call& call, cluster::Time now);
  bool ReadOwnValues(Call& call, cluster::Time now);
  void Apply(Call& call, cluster::Time now);
  void WriteDyn(Call& call, cluster::Time now);
  void FinishDynRead(Call& call, cluster::Time now);
  DynTerms TermsOf(const Call& call, cluster::Time now) const;
  void WriteChanges(Call& call, cluster::Time now);
  bool BeginQuorums(Call& call, cluster::Time now, std::vector<cluster::RequestId>& ids);
  void OnRead(Call& call, size_t key, const cluster::Node::ReadDone& done, cluster::Time now);
  void OnReadsDone(Call& call, cluster::Time now);
  void OnWrite(Call& call, size_t key, const cluster::Node::WriteDone& done, cluster::Time now);
  static const cluster::Container& MergedOf(const Call& call, size_t key) {
    return call.only == nullptr ? call.merged[key].get() : *call.only;
  }
  void NoteRead(const Call& call, size_t key, bool found, cluster::Time now);
  void Fail(Call& call, std::string_view error);
  void Finish(Call& call);
  void FillValues(const Call& call, cluster::Time now);
  const cluster::Seen* SeenBy(const Call& call, size_t key) const;
  bool Write(const Call& call, size_t key, cluster::Time now);
  void NoteWritten(Call& call, size_t key);
  static void NoteOwnWrites(Call& call, const cluster::Node::WriteDone& done);
  void Learn(Call& call, size_t key, const cluster::Seen& seen);

  cluster::Node& node_;
  cluster::LocalStore& store_;
  WatchTable& watches_;
  Statistics& statistics_;
  ConflictLog& conflicts_;
  const Config& config_;
  const cluster::TokenKey token_key_;
  boost::unordered_flat_map<CallId, std::unique_ptr<Call>> calls_;
  boost::unordered_flat_map<cluster::RequestId, Part> parts_;
  std::vector<Finished> finished_;
  CallId next_id_ = 1;
  bool uncommitted_ = false;
  std::vector<size_t> key_indexes_;                    // scratch, reused
  std::vector<std::optional<cluster::Value>> values_;  // scratch, reused
  std::vector<cluster::SiblingHead> heads_;            // scratch, reused
  std::vector<std::string> texts_;                     // scratch, reused: of counters in values_
  std::vector<cluster::Change> changes_;               // scratch, reused
};

}  // namespace cartwheel::server
