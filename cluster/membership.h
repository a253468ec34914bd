// How a node comes to be a member of a cluster, and how the members agree on who they are.
//
// A node that is in no cluster asks the addresses that it was given, again and again, until one of
// them answers for a cluster that lets it in. If none does, the node whose own address stands first
// in its list creates one; so nodes that start together with the same list make one cluster,
// whatever their order. A cluster of one that holds nothing gives way to another that it finds.
//
// Members agree on each change through the register, whose record holds the topology. The first of
// its voters that can be reached proposes, and lets in whoever asked for a while at once. A node is
// let in at any time, if it is itself empty; it owns its share at once, or nothing until an
// operator carries out the plan. While nobody holds keys owners change at once; otherwise
// partitions move to them one by one (moves.h), which the proposer sees to.
//
// A member that an operator has taken out while it was away learns of that from the others when it
// is back. It keeps the record that says so, so it stays out, also when it starts again, until it
// is told to join.
//
// A turn is: inputs; the caller stores TakeState() and commits; Committed; then the outputs are to
// be carried out. Time is monotonic microseconds and never goes back from call to call.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cluster/auto_commit.h"
#include "cluster/join.h"
#include "cluster/levels.h"
#include "cluster/moves.h"
#include "cluster/node_id.h"
#include "cluster/register.h"
#include "cluster/topology.h"

namespace cartwheel::cluster {

class Membership {
 public:
  struct Options {
    NodeId self = kNoNode;
    uint64_t boot_nonce = 0;         // new for every start
    std::vector<NodeAddress> seeds;  // whom to ask for a cluster; none: to create one
    NodeAddress address;             // where others reach this node; an empty host: found out
    std::string zone;
    uint32_t weight = 1;
    uint8_t n = 3;  // copies of a key, of a cluster that it creates
    AutoCommit auto_commit = AutoCommit::kWhenEmpty;
    Levels levels;               // the least that clients ask for, as in MoveOptions
    size_t moves_at_once = 256;  // as in MoveOptions
    int64_t ask_every_us = 100'000;
    int64_t ask_timeout_us = 1'000'000;
    // A member that does not reach all others, and one that was refused, ask less often.
    int64_t look_every_us = 1'000'000;
    // How long those who do not answer may still turn out to be in a cluster.
    int64_t create_after_us = 2'000'000;
    int64_t news_every_us = 2'000'000;
    int64_t gather_us = 200'000;      // who asks to be let in meanwhile is let in together
    int64_t move_every_us = 100'000;  // a step of the moves, where one can be taken
    // Every step makes each member sync several times, which its clients wait for. So one that
    // takes fewer partitions on than moves_per_step waits so long for others that are under way.
    int64_t gather_moves_us = 1'000'000;
    size_t moves_per_step = 64;
    // Moves that do not begin to go on for so long are given up.
    int64_t move_stuck_us = 60'000'000;
    Register::Options reg;
  };

  // What this node has to say of itself, as in MemberNews.
  struct Report {
    bool drained = false;
    uint64_t keys = 0;
    uint64_t bytes = 0;
    std::vector<Partition> arrived{};  // ascending
    std::string trouble{};
  };

  // Connect to the address and say it; Replied or NotAnswered follows.
  struct Ask {
    NodeAddress to;
    JoinRequest request;
  };
  // Over the link to a member.
  struct Talk {
    NodeId to;
    RegisterMessage message;
  };
  struct Tell {
    NodeId to;
    MemberNews news;
  };
  // To who proposes: somebody asked here to be let in.
  struct PassOn {
    NodeId to;
    JoinRequest request;  // its address is complete
  };
  // The topology is another one from here on; nullopt: the node is in no cluster any more. It has
  // left one that was empty for another, or was taken out.
  struct Adopt {
    std::optional<Topology> topology;
  };
  struct Notice {
    std::string text;  // one line for the log
    bool warning = false;
  };
  using Output = std::variant<Ask, Talk, Tell, PassOn, Adopt, Notice>;

  // `stored`: what TakeState gave last; nullopt: the node was in no cluster. Its record must decode
  // as a topology. `seed`: random, new for every start.
  Membership(const Options& options, const std::optional<Register::State>& stored, uint64_t seed);

  // What is agreed on, as far as it is stored here; nullptr: the node is in no cluster.
  const Topology* topology() const {
    return committed_ && IsIn(committed_->topology) ? &committed_->topology : nullptr;
  }
  // It is in a cluster, and has not decided in this turn to leave it.
  bool is_formed() const { return topology() != nullptr && formed(); }
  // It was in a cluster, which has taken it out.
  bool is_taken_out() const { return known_ && !IsIn(known_->topology); }
  uint64_t epoch() const { return committed_ ? committed_->record.epoch : 0; }
  // Who proposes changes, as this node sees it; kNoNode: nobody can be reached.
  NodeId Proposer() const;
  // What the member, which may be this one, has told last; nullptr: nothing.
  const MemberNews* NewsOf(NodeId node) const;

  // --- Inputs

  // Another address to ask for a cluster (CLUSTER MEET).
  void Meet(const NodeAddress& address);
  // Why a cluster that is found could not let this node in, as one line; empty: it could.
  std::string WhyNotJoin() const;
  // What an operator wants of a cluster that this node is in. It is agreed on soon, unless others
  // come between; the log tells. Not empty: why it cannot be done, as one line, and nothing is.
  //
  // That the plan is carried out, and that moves go on which were given up.
  std::string Commit(int64_t now_us);
  // That a member which is away, or owns nothing, is taken out: what it alone holds is given up.
  std::string Forget(NodeId node, int64_t now_us);
  // To the plan: that a member, which may be this one, hands on what it holds and is taken out; ...
  std::string Leave(NodeId node, int64_t now_us);
  // ... that it has another weight, 1..kMaxWeight; ...
  std::string Reweight(NodeId node, uint32_t weight, int64_t now_us);
  // ... that a member that is planned, and owns nothing, comes in the place of another.
  std::string Replace(NodeId node, NodeId by, int64_t now_us);
  // That the moves under way are given up, as far as they can be, and no more begin until a Commit;
  // without moves, that the plan is dropped, except for those who own nothing without it.
  std::string Cancel(int64_t now_us);
  // As Commit would answer now; of who has a plan.
  std::string WhyNotCommit() const;
  // Whether this node holds keys, as of the last commit.
  void SetHoldsKeys(bool holds_keys);
  // In every turn, as of the last Adopt that was carried out: what was said of partitions that have
  // other owners since is taken back with it.
  void SetReport(const Report& report);
  // Somebody asks; `from_host`: where the connection comes from. The answer can be sent at once.
  JoinReply OnRequest(const JoinRequest& request, const std::string& from_host, int64_t now_us);
  // A member passes on what it was asked.
  void OnPassedOn(const JoinRequest& request, int64_t now_us);
  void Replied(const NodeAddress& to, const JoinReply& reply, int64_t now_us);
  void NotAnswered(const NodeAddress& to, int64_t now_us);
  void PeerUp(NodeId peer);
  void PeerDown(NodeId peer);
  void OnNews(NodeId from, const MemberNews& news);
  // Its messages show that it has a later record than this node.
  void KnowsMore(NodeId node);
  void OnRegister(NodeId from, const RegisterMessage& message, int64_t now_us);
  void OnTime(int64_t now_us);
  int64_t NextDeadline() const;

  // --- The end of a turn

  // Whether there is something to store, and what: nullopt as above. It has to be on the disk, not
  // only committed, before Committed(true).
  bool TakeChanged();
  std::optional<Register::State> TakeState() const;
  // If it failed, what was to be sent is as good as lost on the way, but for what this node has to
  // say of itself, and it will be stored with the next one.
  void Committed(bool committed);
  std::vector<Output> TakeOutputs();

 private:
  enum class Found : uint8_t { kNothing, kSelf, kUnformed, kCluster };
  // An address that is asked.
  struct Target {
    int64_t next_us = 0;
    uint64_t nonce = 0;  // of the question under way; 0: none
    Found found = Found::kNothing;
    bool tried = false;
    std::string told;  // the last reason for a refusal, which is logged once
  };
  struct Pending {
    TopologyMember member;
    int64_t first_us = 0;
    int64_t last_us = 0;
  };
  struct Peer {
    bool linked = false;
    std::optional<MemberNews> news;
  };
  struct Known {
    Record record;
    Topology topology;
  };

  // What an operator wants.
  struct Wanted {
    enum class Kind : uint8_t { kCommit, kForget, kLeave, kReweight, kReplace, kHalt, kDropPlan };
    Kind kind = Kind::kCommit;
    NodeId node = kNoNode;
    NodeId by = kNoNode;  // in its place
    uint32_t weight = 0;  // to be, of the one or the other
  };

  // As the proposer sees to them: a move, since when it has stood where it stands, ...
  struct MoveWatch {
    uint64_t epoch = 0;
    int64_t since_us = 0;
  };
  // ... and a member that something is on its way to: since when it has told nothing else.
  struct ArrivalWatch {
    uint64_t keys = 0;
    uint64_t bytes = 0;
    std::vector<Partition> arrived;
    int64_t since_us = 0;
  };
  // What TargetOf came to, for whom, and from the record of which epoch.
  struct MoveTarget {
    std::vector<Member> owning;
    uint8_t n = 0;
    std::string halt;
    uint64_t epoch = 0;
    OwnerTable table;
  };

  uint64_t Random();
  bool IsIn(const Topology& topology) const {
    return FindMember(topology, options_.self) != nullptr;
  }
  bool formed() const { return register_ && !is_taken_out(); }
  bool IsSingle() const;
  void Say(std::string text, bool warning = false);

  // membership.cc: looking for a cluster
  void ChooseTargets();
  bool IsLookedFor() const;
  bool IsLinked(NodeId node) const;
  void AskDue(int64_t now_us);
  bool MayCreate(int64_t now_us) const;
  void Create();
  void OnCluster(Target& target, const NodeAddress& to, const JoinReply& reply, int64_t now_us);
  void OnForeignCluster(Target& target, const NodeAddress& to, const JoinReply& reply,
                        int64_t now_us);
  void Abandon(uint64_t for_cluster, const NodeAddress& at, int64_t now_us);
  void Join(const NodeAddress& to, const JoinReply& reply);
  bool IsOld(const JoinReply& reply) const;
  void EndMembership();
  void TellRefusal(Target& target, const NodeAddress& to, const std::string& reason);
  NodeAddress OwnAddress() const;

  // membership_register.cc: letting others in
  void MeetBack(const JoinRequest& request, const NodeAddress& address);
  bool HoldsKeys() const { return own_news_.holds_keys; }
  bool SomebodyHoldsKeys() const;
  bool IsBehind(const JoinRequest& request) const;
  const TopologyMember* WhoseAddressItHas(const TopologyMember& asks) const;
  bool IsKnownEmpty(NodeId without = kNoNode) const;
  bool MayOwnAtOnce(const TopologyMember& asks) const;
  TopologyMember LetIn(const TopologyMember& asks, bool empty) const;
  std::string WhyNot(const JoinRequest& request) const;
  void Admit(const JoinRequest& request, int64_t now_us);
  void AdmitSelf(int64_t now_us);
  bool IsReadyToPropose() const;
  bool CanPropose() const;
  void Propose(Topology next, int64_t now_us);
  void ForgetPending(int64_t now_us);
  bool MayBeFoundEmpty(int64_t now_us) const;
  void ProposeDue(int64_t now_us);
  void LearnRecord(NodeId from, const std::string& bytes, int64_t now_us);
  void DrainRegister(int64_t now_us);
  bool Decode();
  void TellNews(NodeId to);
  void TellAll();
  void TakeBackReport(const Topology& adopted, uint64_t known_epoch);

  // membership_changes.cc: what an operator wants
  std::string WhyNotForget(NodeId node) const;
  std::string WhyNotLeave(NodeId node) const;
  std::string WhyNotReweight(NodeId node, uint32_t weight) const;
  std::string WhyNotReplace(NodeId node, NodeId by) const;
  std::string WhyNot(const Wanted& wanted) const;
  bool IsReached(NodeId node) const;
  bool ReachesMajority() const;
  Topology Changed(const Topology& topology, const Wanted& wanted) const;
  std::string Change(const Wanted& wanted, int64_t now_us);
  void ProposeWanted(int64_t now_us);

  // membership_moves.cc: partitions on their way to other owners
  bool HasMovesToMake() const;
  MemberStates StatesOfMembers() const;
  std::string TextOf(NodeId node) const;
  std::string TroubleOfArrivals() const;
  void WatchMoves(int64_t now_us);
  bool IsStuck(const MoveWatch& watch, int64_t now_us) const;
  std::string WhyStuck(const Topology& next, int64_t now_us) const;
  bool IsToGatherMore(const Topology& next, int64_t now_us) const;
  const OwnerTable& MovesLeadTo();
  std::optional<Topology> NextStep(const MemberStates& states);
  void SayProgress(const Topology& next);
  void StopMoving();
  void MoveDue(int64_t now_us);

  const Options options_;
  uint64_t random_state_;
  int64_t started_us_ = -1;  // at the first OnTime
  std::map<NodeAddress, Target> targets_;
  std::vector<NodeAddress> met_;
  NodeAddress self_found_;   // where this node answered itself, or was found by others
  std::string seen_host_;    // where others see it ask from
  uint64_t wanted_ = 0;      // the cluster that it asks to be let in
  NodeAddress wanted_at_;    // who answered for it last
  int64_t wanted_us_ = 0;    // when that one was last heard of
  uint64_t keeps_keys_ = 0;  // a cluster of one that holds keys, which does not give way
  MemberNews own_news_;

  std::optional<Register> register_;
  std::optional<Known> known_;      // of the register's record
  std::optional<Known> committed_;  // of what is stored
  uint64_t undecodable_epoch_ = 0;  // of a record that a later version wrote
  bool changed_ = false;
  bool adopt_due_ = false;
  std::map<NodeId, Pending> pending_;
  std::map<NodeId, Peer> peers_;
  int64_t next_news_us_ = 0;
  int64_t propose_not_before_us_ = 0;
  std::optional<Wanted> wanted_change_;  // until it is agreed on
  int64_t next_move_us_ = 0;
  int64_t moved_us_ = INT64_MIN / 2;               // when the last step was proposed
  mutable std::optional<bool> has_moves_to_make_;  // of known_; nullopt: not worked out yet
  std::optional<MoveTarget> move_target_;
  std::map<Partition, MoveWatch> move_watches_;
  std::map<NodeId, ArrivalWatch> arrival_watches_;
  bool said_that_it_moves_ = false;
  // Who has not asked again for so long does not wait any more.
  static constexpr int64_t kStillAsksUs = 3'000'000;
  // A cluster that nobody has answered for so long is not the one to be joined any more.
  static constexpr int64_t kGivenUpUs = 10'000'000;
  // Whether members hold keys is known within a few rounds of their news, or not soon.
  static constexpr int64_t kTellWithinUs = 5'000'000;
  std::vector<Output> outputs_;
};

}  // namespace cartwheel::cluster
