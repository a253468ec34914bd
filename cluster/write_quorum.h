// One write's life at its coordinator, after the local replica has made it: who is asked to store
// it, when the client can be told, and who needs a hint in the end ("Dynamo", sections 4.5, 4.6).
//
// It keeps three promises, in whatever order answers come, get lost or come twice:
//   - acknowledged means that W of the partition's owners have a stored copy, each at itself or at
//     a fallback that keeps it as a hint for it, and PW of them at themselves;
//   - the outcome is decided once, and a write that was refused was not begun;
//   - for every owner without a copy by then there is a StoreHint.
//
// Copies are counted by owner, not by node: a fallback's copy ends at the owner it stands in for,
// so the two of them are worth one replica to a later read. While the partition moves there are two
// quorums, of its owners before and of those after, and each level is to be reached in both.
//
// Time is monotonic microseconds and never goes back from call to call.
#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "cluster/levels.h"
#include "cluster/node_id.h"
#include "cluster/refusal.h"

namespace cartwheel::cluster {

struct WriteOutcome {
  enum class Kind : uint8_t {
    kAcknowledged,
    kUncertain,   // stored here, and maybe elsewhere; it is never rolled back
    kNoReplicas,  // refused before anything was done: too few healthy nodes
    kNotStored,   // the local replica failed: nothing was done
  };

  Kind kind = Kind::kAcknowledged;
  // Unless acknowledged: the level that was not reached, how far it was, and what it asked for.
  Level level = Level::kW;
  int reached = 0;
  int needed = 0;

  bool operator==(const WriteOutcome&) const = default;
};

class WriteQuorum {
 public:
  struct Options {
    // A peer that has not answered by then is passed over: long for a peer that works, short
    // beside the deadline, so that there is time for three more.
    int64_t rpc_timeout_us = 250'000;
    // When the client is told, whatever is known.
    int64_t deadline_us = 1'000'000;
  };

  // Ask the node to store the copy.
  struct Send {
    NodeId node;
    NodeId hint_for;  // the owner it stands in for; kNoNode: it is one itself
    bool operator==(const Send&) const = default;
  };
  // Keep the copy here until the owner has it.
  struct StoreHint {
    NodeId owner;
    bool operator==(const StoreHint&) const = default;
  };
  // Once, when outcome() is there.
  using Output = std::variant<Send, StoreHint, WriteOutcome>;
  using Outputs = boost::container::small_vector<Output, 4>;

  // Of the fallbacks that are offered so many are remembered. More failures in one write than that
  // are no longer this write's to mend.
  static constexpr size_t kMaxFallbacks = 8;

  // `preference_list`: owners first, with the coordinator `self` in it. Decides kNoReplicas at once
  // when it has too few healthy nodes for the levels, valid ones; otherwise the caller makes the
  // write in its own replica, or as a hint when `local_hint_for` names an owner. That copy counts
  // only while the owner is not healthy: who is none any more does not stand in for one that is.
  WriteQuorum(NodeId self, std::span<const Candidate> preference_list, const Levels& levels,
              const Options& options, int64_t now_us);

  // Other owners from now on, or another step of a move: whatever has been acknowledged under those
  // before counts no more, and all are asked again. Not once it is decided. If local_hint_for
  // names an owner then, the copy that is here is to become a hint.
  void Restart(NodeId self, std::span<const Candidate> preference_list, int64_t now_us);

  // Nobody can be asked any more. Not once it is decided.
  void GiveUp();

  // kNoNode: the coordinator is an owner.
  NodeId local_hint_for() const { return local_hint_for_; }

  // Copies count that are on disk.
  bool wants_durable() const { return levels_.dw > 0; }

  // What became of the coordinator's own commit: one of these, first, unless refused.
  void LocalStored(bool durable, int64_t now_us);
  void LocalFailed();

  // A peer has stored the copy; `durable`: on disk. May come again.
  void Acknowledged(NodeId node, bool durable, int64_t now_us);
  // It certainly has not. After kWrongActor it is asked once more: its answer told the new actor.
  void Refused(NodeId node, Refusal refusal, int64_t now_us);
  // No answer can come any more: not connected, or the connection broke.
  void Lost(NodeId node, int64_t now_us);
  void OnTime(int64_t now_us);
  // When OnTime has something to do; nullopt: nothing any more.
  std::optional<int64_t> NextDeadline() const;

  // What to do since the last call, in order.
  Outputs TakeOutputs();
  bool HasOutputs() const { return !outputs_.empty(); }

  const std::optional<WriteOutcome>& outcome() const { return outcome_; }
  // Decided, and nobody is waited for: what comes now changes nothing.
  bool IsOver() const;
  // Of whom neither they nor a fallback for them has acknowledged.
  boost::container::small_vector<NodeId, 3> OwnersWithoutCopy() const;

 private:
  // One of the N copies.
  struct Copy {
    NodeId owner;
    uint8_t quorums;
    bool at_owner = false;
    bool at_fallback = false;
    bool durable = false;
    bool hinted = false;

    bool stored() const { return at_owner || at_fallback; }
  };
  struct Asked {
    enum class State : uint8_t { kWaiting, kSilent, kFailed, kStored };
    NodeId node;
    size_t copy;
    State state;
    bool asked_again;
    int64_t silent_at_us;
  };
  struct Standing {
    int stored = 0;
    int at_owners = 0;
    int durable = 0;
  };
  // Of the quorum of the owners and, while the partition moves, of those after.
  static constexpr size_t kMostQuorums = 2;
  using Standings = std::array<Standing, kMostQuorums>;

  void TakeCandidates(NodeId self, std::span<const Candidate> preference_list);
  bool Refuse(NodeId self, std::span<const Candidate> preference_list);
  Asked* Find(NodeId node);
  bool IsOwner(const Asked& asked) const { return asked.node == copies_[asked.copy].owner; }
  void Ask(NodeId node, size_t copy, int64_t now_us);
  bool AskNext(size_t copy, int64_t now_us);
  void AskMoreOwners(int64_t now_us);
  bool IsAwaited(size_t copy) const;
  // Counts what is stored, or what is or may still be.
  Standings Count(bool or_may_be) const;
  std::optional<WriteOutcome> ShortOf(const Standings& standings) const;
  std::optional<WriteOutcome> ShortOf(const Levels& levels, const Standing& standing) const;
  bool LacksOwners(const Copy& copy) const;
  void Decide(const WriteOutcome& outcome);
  void Advance(int64_t now_us);
  void HintIfNeeded(Copy& copy);

  Levels levels_;  // as asked for
  std::array<std::optional<Levels>, kMostQuorums> of_quorum_;
  Options options_;
  int64_t deadline_us_;
  NodeId local_hint_for_ = kNoNode;
  std::optional<size_t> local_copy_;  // none: it counts to none
  bool stored_here_ = false;
  bool durable_here_ = false;
  boost::container::small_vector<Copy, 3> copies_;
  boost::container::small_vector<Asked, 3> asked_;
  boost::container::small_vector<Candidate, 4> candidates_;  // not asked yet
  Outputs outputs_;
  std::optional<WriteOutcome> outcome_;
};

}  // namespace cartwheel::cluster
