// Reads from replicas that answer in any order, twice, late, or not at all, beside a model that
// merges what the coordinator has been told.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/read_quorum.h"
#include "tests/cluster/random.h"
#include "tests/cluster/random_containers.h"

namespace cartwheel::cluster {
namespace {

using Kind = ReadOutcome::Kind;

// What a node would answer.
struct Replica {
  Candidate candidate;
  bool has_record = true;
  Container container;
  bool complete = true;
  ActorId actor{};
  DotList received;
};

Container Merged(const Container& a, const Container& b) {
  Container both = Sync(a, b);
  both.own_contiguous = false;
  return both;
}

class ReadRun {
 public:
  ReadRun(uint64_t seed, const RandomContainers& containers) : random_(seed) {
    const size_t members = 1 + random_.Below(8);
    levels_.n = static_cast<uint8_t>(1 + random_.Below(5));
    levels_.w = 1;
    levels_.r = static_cast<uint8_t>(1 + random_.Below(levels_.n));
    levels_.pr = static_cast<uint8_t>(random_.Percent(30) ? random_.Below(levels_.n + 1u) : 0);
    needed_ = levels_.Over(std::min<size_t>(levels_.n, members));
    if (random_.Percent(50)) session_ = containers.Pick(random_).context;
    const uint64_t rebuilding = random_.Percent(50) ? 0 : random_.Below(80);
    const uint64_t unhealthy = random_.Percent(50) ? 0 : random_.Below(60);
    // Half of the time mostly equal, as replicas are.
    const bool alike = random_.Percent(50);
    const Container& common = containers.Pick(random_);
    for (size_t i = 0; i < members; ++i) {
      Replica replica;
      replica.candidate = {
          .node = NodeId{100 + i}, .owner = i < levels_.n, .healthy = !random_.Percent(unhealthy)};
      replica.container = alike && random_.Percent(80) ? common : containers.Pick(random_);
      if (random_.Percent(20)) replica.container = Container{};
      replica.has_record = !replica.container.context.empty();
      replica.container.own_contiguous = random_.Percent(20);
      replica.complete = !random_.Percent(rebuilding);
      replica.actor = ActorId{500 + i};
      for (const Dot dot : SessionDots(session_)) {
        if (random_.Percent(30)) replica.received.push_back(dot);
      }
      replicas_.push_back(replica);
    }
    for (size_t i = members; i > 1; --i) std::swap(replicas_[i - 1], replicas_[random_.Below(i)]);
    std::ranges::partition(replicas_,
                           [](const Replica& replica) { return replica.candidate.healthy; });
    loss_ = random_.Below(80);
    silence_ = random_.Below(60);
  }

  void Go() {
    std::vector<Candidate> candidates;
    for (const Replica& replica : replicas_) candidates.push_back(replica.candidate);
    ReadQuorum quorum(candidates, levels_, session_, {}, kStart);
    ASSERT_EQ(quorum.session_dots(), SessionDots(session_));
    TakeOutputs(quorum);
    while (!HasFatalFailure() && !quorum.IsOver()) Step(quorum);
    CheckEnd(quorum);
  }

 private:
  static constexpr int64_t kStart = 1'000;
  static constexpr ReadQuorum::Options kOptions{};

  static bool HasFatalFailure() { return testing::Test::HasFatalFailure(); }

  const Replica& At(NodeId node) const {
    return *std::ranges::find_if(
        replicas_, [node](const Replica& replica) { return replica.candidate.node == node; });
  }

  bool IsWaitedFor(NodeId node) const {
    const auto asked = asked_at_us_.find(node);
    return asked != asked_at_us_.end() && !answered_.contains(node) && !lost_.contains(node) &&
           !silent_.contains(node);
  }

  // Those that somebody may stand in for.
  size_t OwnersOutOfReach() const {
    return static_cast<size_t>(std::ranges::count_if(replicas_, [this](const Replica& replica) {
      const auto& [node, owner, healthy, quorums] = replica.candidate;
      if (!owner || answered_.contains(node)) return false;
      return !healthy || lost_.contains(node) || silent_.contains(node);
    }));
  }

  struct Counted {
    size_t owners = 0;
    size_t fallbacks = 0;
  };
  template <typename Counts>
  Counted Count(Counts counts) const {
    Counted counted;
    for (const Replica& replica : replicas_) {
      if (counts(replica)) ++(replica.candidate.owner ? counted.owners : counted.fallbacks);
    }
    return counted;
  }
  bool Suffice(const Counted& counted) const {
    return counted.owners + std::min(counted.fallbacks, OwnersOutOfReach()) >= needed_.r &&
           counted.owners >= needed_.pr;
  }

  bool Enough(bool rebuilding_too) const {
    return Suffice(Count([&](const Replica& replica) {
      return answered_.contains(replica.candidate.node) && (rebuilding_too || replica.complete);
    }));
  }

  // Complete or still waited for.
  Counted Hopeful() const {
    return Count([&](const Replica& replica) {
      const NodeId node = replica.candidate.node;
      return IsWaitedFor(node) || (answered_.contains(node) && replica.complete);
    });
  }

  // Whether somebody who has not been asked would bring it nearer to its levels.
  bool AnyoneLeft() const {
    const Counted hopeful = Hopeful();
    const bool fallbacks_help =
        hopeful.fallbacks < OwnersOutOfReach() && !(OwnersAsked() && hopeful.owners < needed_.pr);
    return std::ranges::any_of(replicas_, [&](const Replica& replica) {
      if (asked_at_us_.contains(replica.candidate.node)) return false;
      return replica.candidate.owner || fallbacks_help;
    });
  }

  Container MergeOf(bool rebuilding_too) const {
    Container merged;
    for (const NodeId node : answered_) {
      if (rebuilding_too || At(node).complete) merged = Merged(merged, At(node).container);
    }
    return merged;
  }

  // Complete owners; those that rebuild have to help then, and what they said stays in the merge.
  void NoteWhetherOwnersAreTooFew() {
    const auto complete_owners = std::ranges::count_if(
        answered_, [this](NodeId node) { return At(node).complete && At(node).candidate.owner; });
    const bool rebuilding =
        std::ranges::any_of(answered_, [this](NodeId node) { return !At(node).complete; });
    owners_too_few_ = owners_too_few_ || (Enough(false) && rebuilding &&
                                          static_cast<size_t>(complete_owners) < needed_.r);
  }

  // What one that rebuilds has received counts only with what it has made of it.
  bool SessionKnown(bool rebuilding_too) const {
    const Container merged = MergeOf(rebuilding_too);
    return std::ranges::all_of(SessionDots(session_), [&](Dot dot) {
      return merged.context.Covers(dot) || std::ranges::any_of(answered_, [&](NodeId node) {
               return At(node).candidate.owner && (rebuilding_too || At(node).complete) &&
                      std::ranges::find(At(node).received, dot) != At(node).received.end();
             });
    });
  }

  void TakeOutputs(ReadQuorum& quorum) {
    if (outcomes_ == 0) NoteWhetherOwnersAreTooFew();
    for (const ReadQuorum::Output& output : quorum.TakeOutputs()) {
      std::visit([this, &quorum](const auto& each) { Take(quorum, each); }, output);
    }
    ASSERT_EQ(outcomes_ == 1, quorum.outcome().has_value());
    const bool could_tell = Enough(false) && SessionKnown(owners_too_few_);
    ASSERT_TRUE(quorum.outcome() || !could_tell) << "as soon as can be";
    if (!quorum.outcome()) CheckWhoIsAsked();
  }

  bool OwnersAsked() const {
    return std::ranges::all_of(replicas_, [this](const Replica& replica) {
      return !replica.candidate.owner || asked_at_us_.contains(replica.candidate.node);
    });
  }

  // Enough to reach the levels if all of them answer, or everybody who could help.
  void CheckWhoIsAsked() {
    ASSERT_TRUE(Suffice(Hopeful()) || !AnyoneLeft());
    const bool all = asked_at_us_.size() == replicas_.size();
    const bool hedge_due = told_time_us_ >= kStart + kOptions.hedge_after_us;
    ASSERT_TRUE(!hedge_due || asked_at_us_.size() > needed_.r || all);
    ASSERT_TRUE(!Enough(false) || all) << "the rest is asked for the session's sake";
  }

  void Take(ReadQuorum& quorum, const ReadQuorum::Send& send) {
    ASSERT_FALSE(quorum.IsOver());
    ASSERT_TRUE(asked_at_us_.try_emplace(send.node, now_us_).second) << "asked once";
    ASSERT_NE(
        std::ranges::find_if(
            replicas_, [&](const Replica& replica) { return replica.candidate.node == send.node; }),
        replicas_.end());
    for (const Replica& replica : replicas_) {
      const auto& [node, owner, healthy, quorums] = replica.candidate;
      if (node == send.node) break;
      ASSERT_TRUE(asked_at_us_.contains(node) || !owner) << "best first, of owners";
    }
    if (!random_.Percent(silence_)) on_the_way_.push_back(send.node);
  }

  void Take(ReadQuorum& quorum, const ReadOutcome& outcome) {
    ASSERT_EQ(++outcomes_, 1) << "decided once";
    const bool all_asked = asked_at_us_.size() == replicas_.size();
    if (outcome.kind == Kind::kTooFew) {
      ASSERT_FALSE(Enough(true));
      ASSERT_LT(outcome.reached, outcome.needed);
      const bool in_time = now_us_ < kStart + kOptions.deadline_us;
      const bool may_come = answered_.size() + lost_.size() < asked_at_us_.size();
      ASSERT_FALSE(in_time && (AnyoneLeft() || may_come)) << "while one may answer there is hope";
      return;
    }
    degraded_ = outcome.degraded;
    ASSERT_TRUE(Enough(outcome.degraded));
    ASSERT_EQ(outcome.session_missed, !SessionKnown(outcome.degraded));
    ASSERT_TRUE(outcome.degraded || !owners_too_few_);
    const bool complete_ones_do = Enough(false) && SessionKnown(false);
    ASSERT_FALSE(outcome.degraded && complete_ones_do && !owners_too_few_) << "better not";
    const bool helped = outcome.degraded && !owners_too_few_;
    if (helped || outcome.session_missed) {
      const bool nobody_left = outcome.session_missed ? all_asked : !AnyoneLeft();
      ASSERT_TRUE(nobody_left || now_us_ >= kStart + kOptions.deadline_us);
    }
    // The outputs are taken before anything else is told.
    ASSERT_EQ(MessageOf(quorum.merged()), MessageOf(MergeOf(outcome.degraded)));
  }

  void Take(ReadQuorum& quorum, const ReadQuorum::Repair& repair) {
    ASSERT_TRUE(quorum.IsOver());
    ASSERT_EQ(repair.actor, At(repair.node).actor);
    ASSERT_TRUE(repaired_.insert(repair.node).second);
  }

  void Step(ReadQuorum& quorum) {
    const uint64_t choice = random_.Below(100);
    if (choice < 70 && !on_the_way_.empty()) {
      const size_t i = random_.Below(on_the_way_.size());
      const NodeId node = on_the_way_[i];
      if (!random_.Percent(20)) on_the_way_.erase(on_the_way_.begin() + static_cast<ptrdiff_t>(i));
      if (random_.Percent(loss_)) {
        if (!answered_.contains(node)) lost_.insert(node);
        quorum.Lost(node, now_us_);
      } else {
        Tell(quorum, node);
      }
    } else if (choice < 75) {
      // A node that was not asked, or is none.
      const NodeId node{99 + random_.Below(12)};
      if (asked_at_us_.contains(node)) return;
      const Container container = MergeOf(true);
      quorum.Answered(node, {.container = &container, .received = quorum.session_dots()}, now_us_);
      quorum.Lost(node, now_us_);
    } else {
      const auto next = quorum.NextDeadline();
      ASSERT_TRUE(next.has_value());
      ASSERT_GT(*next, now_us_) << "a deadline that has passed has been dealt with";
      now_us_ = random_.Percent(50) ? now_us_ + (*next - now_us_) / 2 : *next;
      told_time_us_ = now_us_;
      for (const auto& [node, at_us] : asked_at_us_) {
        const bool late = now_us_ >= at_us + kTimeout || now_us_ >= kStart + kOptions.deadline_us;
        if (late && IsWaitedFor(node)) silent_.insert(node);
      }
      quorum.OnTime(now_us_);
    }
    TakeOutputs(quorum);
  }

  // Who has answered the same before; sometimes nobody is looked for.
  NodeId SomeoneLike(const Replica& replica) {
    if (!replica.complete || random_.Percent(50)) return kNoNode;
    for (const NodeId node : answered_) {
      const Container& container = At(node).container;
      if (!At(node).complete || node == replica.candidate.node) continue;
      if (MessageOf(container) == MessageOf(replica.container)) return node;
    }
    return kNoNode;
  }

  // As from a frame, whose bytes are gone afterwards.
  void Tell(ReadQuorum& quorum, NodeId node) {
    const Replica& replica = At(node);
    const NodeId same_as = SomeoneLike(replica);
    answered_.insert(node);
    lost_.erase(node);
    Container container = replica.container;
#ifdef CARTWHEEL_CANARY
    // The planted fault: of a replica that rebuilds, siblings are lost.
    if (!replica.complete && container.versions.size() > 1) container.versions.clear();
#endif
    std::vector<std::string> bytes;
    for (const Version& version : container.versions) bytes.emplace_back(version.bytes);
    for (size_t i = 0; i < bytes.size(); ++i) container.versions[i].bytes = bytes[i];
    const bool sends = replica.has_record && same_as == kNoNode;
    quorum.Answered(node,
                    {.container = sends ? &container : nullptr,
                     .complete = replica.complete,
                     .actor = replica.actor,
                     .received = replica.received,
                     .same_as = same_as},
                    now_us_);
    for (std::string& each : bytes) each.assign(each.size(), '!');
  }

  void CheckEnd(ReadQuorum& quorum) {
    if (HasFatalFailure()) return;
    ASSERT_EQ(outcomes_, 1);
    ASSERT_EQ(quorum.NextDeadline(), std::nullopt);
    const Container merged = MergeOf(degraded_);
    ASSERT_EQ(MessageOf(quorum.merged()), MessageOf(merged)) << "late answers are merged too";
    for (const Replica& replica : replicas_) {
      const NodeId node = replica.candidate.node;
      // Of one that rebuilds it matters only that it lacks something.
      const Container whole = replica.complete ? merged : Merged(replica.container, merged);
      const bool differs = MessageOf(replica.container) != MessageOf(whole);
      const bool forgotten = !replica.has_record && merged.IsDeleted();
      const bool wanted =
          answered_.contains(node) && replica.candidate.owner && differs && !forgotten;
      ASSERT_EQ(repaired_.contains(node), wanted);
    }
    // P12: what comes once more, or now, changes nothing.
    now_us_ += 1'000'000;
    for (const auto& [node, at_us] : asked_at_us_) {
      Tell(quorum, node);
      quorum.Lost(node, now_us_);
    }
    quorum.OnTime(now_us_);
    ASSERT_TRUE(quorum.TakeOutputs().empty());
    ASSERT_EQ(MessageOf(quorum.merged()), MessageOf(merged));
  }

  static constexpr int64_t kTimeout = kOptions.rpc_timeout_us;

  Random random_;
  Levels levels_;
  Levels needed_;
  Context session_;
  std::vector<Replica> replicas_;  // best first
  uint64_t loss_ = 0;
  uint64_t silence_ = 0;
  int64_t now_us_ = kStart;
  int64_t told_time_us_ = kStart;

  std::vector<NodeId> on_the_way_;
  std::map<NodeId, int64_t> asked_at_us_;
  std::set<NodeId> answered_;  // as told
  std::set<NodeId> lost_;      // as told, and have not answered since
  std::set<NodeId> silent_;    // as it must have found out; they may answer all the same
  std::set<NodeId> repaired_;
  bool degraded_ = false;
  bool owners_too_few_ = false;
  int outcomes_ = 0;
};

TEST(ReadQuorumProperty, WhateverComesInWhateverOrderTheAnswerIsTheMergeAndWhoDiffersIsRepaired) {
  for (uint64_t history = 0; history < 100; ++history) {
    const RandomContainers containers(history, 12);
    for (uint64_t i = 0; i < 200; ++i) {
      const uint64_t seed = history * 1000 + i;
      SCOPED_TRACE(seed);
      ReadRun(seed, containers).Go();
      if (HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace cartwheel::cluster
