// One read's life at its coordinator: whom it asks, what the client is answered, and which owners
// turn out to lack something of it ("Dynamo", section 4.5; read repair: section 5). Riak's
// riak_kv_get_core is the model.
//
// The answer is the merge of all that came: what one replica does not have never hides what
// another has. It is decided once. Answers that come later are merged too, so that in the end every
// owner that answered less than the whole gets a Repair.
//
// A node that is no owner counts to R in place of an owner that cannot be reached, which it may
// have stood in for; never in place of one that is merely slow, or rebuilds.
//
// An owner that rebuilds its data may hold what was deleted long ago, and may lack what it had
// acknowledged before. So its answer does not count to R, and is merged only when there is no
// better way: fewer than R complete owners answered (those that stand in may never have heard of
// the key), or only it has what this session has seen. Then the outcome says degraded.
//
// Time is monotonic microseconds and never goes back from call to call.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "cluster/dot_list.h"
#include "cluster/levels.h"
#include "cluster/node_id.h"
#include "cluster/owned_container.h"

namespace cartwheel::cluster {

// The writes by which a replica shows that it knows all that a session has seen of a key: of each
// interval the last. Whoever received that write received the interval's beginning in its context.
DotList SessionDots(const Context& session);
// Of the writes that a record includes: those by which it shows all of them.
DotList DotsShownBy(const Container& container);

struct ReadOutcome {
  enum class Kind : uint8_t { kAnswered, kTooFew };

  Kind kind = Kind::kAnswered;
  // kTooFew: the level that was not reached, how far it was, and what it asked for.
  Level level = Level::kR;
  int reached = 0;
  int needed = 0;
  // kAnswered:
  bool degraded = false;        // replicas that rebuild had to be counted or merged
  bool session_missed = false;  // the session has seen something that nobody who answered knows

  bool operator==(const ReadOutcome&) const = default;
};

class ReadQuorum {
 public:
  struct Options {
    // When one more is asked although nobody has failed: about the 95th percentile of answers.
    int64_t hedge_after_us = 10'000;
    // A peer that has not answered by then is passed over, and no longer waited for after the
    // reply.
    int64_t rpc_timeout_us = 250'000;
    // When the client is told, whatever is known.
    int64_t deadline_us = 1'000'000;
  };

  struct Answer {
    const Container* container = nullptr;  // nullptr: no record. Borrowed for the call
    bool complete = true;                  // not rebuilding
    ActorId actor{};                       // its incarnation, which a repair has to name
    std::span<const Dot> received;         // those of session_dots() that it has received
    // Instead of a container: its own is what this node answered. Both are complete.
    NodeId same_as = kNoNode;
  };

  // Ask the node for its container (the coordinator itself may be one).
  struct Send {
    NodeId node;
    bool operator==(const Send&) const = default;
  };
  // The owner lacks something of merged().
  struct Repair {
    NodeId node;
    ActorId actor;
    bool operator==(const Repair&) const = default;
  };
  // ReadOutcome: once, when outcome() is there.
  using Output = std::variant<Send, ReadOutcome, Repair>;
  using Outputs = boost::container::small_vector<Output, 4>;

  // `best_first`: all owners and some fallbacks in the order in which they are to be asked, the
  // healthy ones before the others. Levels are valid.
  ReadQuorum(std::span<const Candidate> best_first, const Levels& levels, const Context& session,
             const Options& options, int64_t now_us);

  // What is to be asked about with every Send; none: the session has not seen the key.
  const DotList& session_dots() const { return session_dots_; }

  // Only the first answer of a node counts, and none that was not asked for.
  void Answered(NodeId node, const Answer& answer, int64_t now_us);
  // No answer can come any more: not connected, the connection broke, or it refused.
  void Lost(NodeId node, int64_t now_us);
  void OnTime(int64_t now_us);
  // When OnTime has something to do; nullopt: nothing any more.
  std::optional<int64_t> NextDeadline() const;

  // Other owners from now on: whatever was answered under those before counts no more, and R of
  // these are asked. Not once it is decided.
  void Restart(std::span<const Candidate> best_first, int64_t now_us);

  // What to do since the last call, in order.
  Outputs TakeOutputs();
  bool HasOutputs() const { return !outputs_.empty(); }

  const std::optional<ReadOutcome>& outcome() const { return outcome_; }
  // Decided, nobody is waited for, and repairs are in the outputs: what comes now changes nothing.
  bool IsOver() const { return over_; }
  // Whether the merge so far is what this complete node answered.
  bool Knows(NodeId node) const;
  // Valid until the next call that is not const.
  const Container& merged() const { return merged_.get(); }

 private:
  struct Asked {
    enum class State : uint8_t { kWaiting, kSilent, kFailed, kAnswered };
    NodeId node;
    bool owner;
    bool healthy;  // when it was asked
    int64_t silent_at_us;
    State state = State::kWaiting;
    bool complete = false;
    bool has_record = false;
    ActorId actor{};
    // The merge that it was equal to; kLacking: it was equal to none.
    uint64_t merge = 0;

    bool Answered() const { return state == State::kAnswered; }
    bool Counts() const { return Answered() && complete; }
    bool MayCount() const { return Counts() || state == State::kWaiting; }
    bool OutOfReach() const {
      return state == State::kFailed || state == State::kSilent ||
             (state == State::kWaiting && !healthy);
    }
  };
  static constexpr uint64_t kLacking = 0;

  // What replicas that rebuild have answered.
  struct Rebuilding {
    OwnedContainer all;  // together
    DotList received;    // the owners among them, of the session's dots
    std::vector<std::pair<NodeId, OwnedContainer>> each;
  };

  struct Standing {
    int replicas = 0;
    int owners = 0;
  };

  void Ask(size_t candidate, int64_t now_us);
  bool AskNext(bool owners_only, int64_t now_us);
  const Asked* Find(NodeId node) const;
  bool IsWaiting() const;
  Standing Count(bool (Asked::*counts)() const) const;
  int OwnersOutOfReach() const;
  bool FallbacksSuffice() const;
  std::optional<ReadOutcome> ShortOf(const Standing& standing) const;
  // Complete ones, while others that rebuild have answered.
  bool TooFewOwners() const;
  bool SessionKnown(const Container& merged) const;
  void Take(Asked& asked, const Container& container);
  // Returns the merge that the container is equal to.
  uint64_t Merge(const Container& container);
  void Confirm(std::span<const Dot> received);
  void MergeRebuilding();
  bool RebuildingKnowSession() const;
  void AskMore(int64_t now_us);
  void Advance(int64_t now_us);
  void AdvanceAtEnd(bool deadline);
  void Decide(const ReadOutcome& outcome);
  bool Lacks(const Asked& asked) const;
  void Finish();

  void TakeCandidates(std::span<const Candidate> best_first);

  Levels asked_for_;
  Levels levels_;  // of as many owners as there are
  Options options_;
  int64_t hedge_at_us_;
  int64_t deadline_us_;
  bool hedged_ = false;
  bool asks_no_more_ = false;  // the deadline has passed
  bool over_ = false;
  DotList session_dots_;
  DotList unconfirmed_;  // of these, received at no owner that answered
  boost::container::small_vector<Candidate, 4> candidates_;  // not asked yet
  boost::container::small_vector<Asked, 4> asked_;
  OwnedContainer merged_;
  uint64_t merge_ = 1;  // which one it is
  bool merged_rebuilding_ = false;
  std::unique_ptr<Rebuilding> rebuilding_;  // none, nearly always: reads are many, and small
  Outputs outputs_;
  std::optional<ReadOutcome> outcome_;
};

}  // namespace cartwheel::cluster
