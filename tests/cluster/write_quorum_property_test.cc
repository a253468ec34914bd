// Writes against peers that answer in any order, twice, late, or not at all, beside a model that
// knows one thing only: whose copies the coordinator has been told of.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/write_quorum.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

using Kind = WriteOutcome::Kind;

struct Answer {
  enum class What : uint8_t { kStored, kDurable, kRefused, kWrongActor, kLost };
  NodeId node;
  What what;
};

class WriteRun {
 public:
  explicit WriteRun(uint64_t seed) : random_(seed) {
    const size_t members = 1 + random_.Below(9);
    levels_.n = static_cast<uint8_t>(1 + random_.Below(5));
    levels_.r = 1;
    const auto level = [this](uint64_t least) {
      return static_cast<uint8_t>(least + random_.Below(levels_.n + 1 - least));
    };
    levels_.w = level(1);
    if (random_.Percent(30)) levels_.pw = level(0);
    if (random_.Percent(30)) levels_.dw = level(0);
    const uint64_t sick = random_.Below(60);
    for (size_t i = 0; i < members; ++i) {
      nodes_.push_back(
          {.node = NodeId{100 + i}, .owner = i < levels_.n, .healthy = !random_.Percent(sick)});
    }
    owners_ = std::min<size_t>(levels_.n, members);
    needed_ = levels_.Over(owners_);
    self_ = nodes_[random_.Below(random_.Percent(80) ? owners_ : members)].node;
    // Some runs lose nearly nothing, some nearly everything.
    loss_ = random_.Below(100);
    silence_ = random_.Below(60);
  }

  void Go() {
    WriteQuorum quorum(self_, nodes_, levels_, {}, now_us_);
    TakeOutputs(quorum);
    if (quorum.outcome()) return CheckRefusal(quorum);
    ASSERT_TRUE(CouldBeDone());
    const bool durable = random_.Percent(50);
    const NodeId owner = quorum.local_hint_for() == kNoNode ? self_ : quorum.local_hint_for();
    // Who is no owner stands in for nobody that is there.
    const bool counts = owner == self_ || std::ranges::any_of(nodes_, [](const Candidate& node) {
                          return node.owner && !node.healthy;
                        });
    if (counts) {
      stands_for_[self_] = owner;
      NoteCopy(self_, durable);
    }
    quorum.LocalStored(durable, now_us_);
    TakeOutputs(quorum);
    while (!HasFatalFailure() && !quorum.IsOver()) Step(quorum);
    CheckEnd(quorum);
  }

 private:
  static bool HasFatalFailure() { return testing::Test::HasFatalFailure(); }

  // Could W, PW and DW be reached if all that are healthy did what they are asked?
  bool CouldBeDone() const {
    size_t healthy = 0;
    size_t healthy_owners = 0;
    for (const Candidate& node : nodes_) {
      if (!node.healthy && node.node != self_) continue;
      ++healthy;
      if (node.owner) ++healthy_owners;
    }
    return healthy >= std::max(needed_.w, needed_.dw) && healthy_owners >= needed_.pw;
  }

  void CheckRefusal(WriteQuorum& quorum) {
    ASSERT_EQ(quorum.outcome()->kind, Kind::kNoReplicas);
    ASSERT_FALSE(CouldBeDone());
    ASSERT_LT(quorum.outcome()->reached, quorum.outcome()->needed);
    ASSERT_TRUE(stands_for_.empty()) << "nobody was asked";
    ASSERT_TRUE(quorum.IsOver());
  }

  void NoteCopy(NodeId node, bool durable) {
    const NodeId owner = stands_for_[node];
    has_copy_.insert(owner);
    if (node == owner) has_own_copy_.insert(owner);
    if (durable) has_durable_copy_.insert(owner);
  }

  bool LevelsReached() const {
    return has_copy_.size() >= needed_.w && has_own_copy_.size() >= needed_.pw &&
           has_durable_copy_.size() >= needed_.dw;
  }

  void TakeOutputs(WriteQuorum& quorum) {
    for (const WriteQuorum::Output& output : quorum.TakeOutputs()) {
      std::visit([this](const auto& each) { Take(each); }, output);
    }
    ASSERT_EQ(outcomes_ == 1, quorum.outcome().has_value());
    // As soon as can be, and not before.
    const bool could_tell = LevelsReached() && !stands_for_.empty();
    ASSERT_TRUE(quorum.outcome() || !could_tell);
  }

  void Take(const WriteQuorum::Send& send) {
    ASSERT_NE(send.node, self_);
    const auto node = std::ranges::find(nodes_, send.node, &Candidate::node);
    ASSERT_NE(node, nodes_.end());
    const NodeId owner = send.hint_for == kNoNode ? send.node : send.hint_for;
    ASSERT_EQ(node->owner, owner == send.node);
    ASSERT_TRUE(std::ranges::find(nodes_, owner, &Candidate::node)->owner);
    const bool first = stands_for_.try_emplace(send.node, owner).second;
    ASSERT_LE(++times_asked_[send.node], 2);
    waiting_since_us_[send.node] = now_us_;
    failed_.erase(send.node);
    ASSERT_EQ(stands_for_[send.node], owner) << "a fallback keeps the copy of one owner";
    ASSERT_TRUE(first || refused_for_actor_.erase(send.node) == 1) << "asked twice";
    if (random_.Percent(silence_)) return;
    Answer answer{send.node, Answer::What::kStored};
    if (random_.Percent(30)) answer.what = Answer::What::kDurable;
    if (random_.Percent(loss_)) {
      answer.what = static_cast<Answer::What>(2 + random_.Below(3));
    }
    on_the_way_.push_back(answer);
    if (answer.what == Answer::What::kStored && random_.Percent(50)) {
      on_the_way_.push_back({send.node, Answer::What::kDurable});
    }
  }

  void Take(const WriteQuorum::StoreHint& hint) {
    ASSERT_TRUE(hints_.insert(hint.owner).second) << "one hint is enough";
    ASSERT_FALSE(has_copy_.contains(hint.owner)) << "a hint for who has a copy";
  }

  void Take(const WriteOutcome& outcome) {
    ASSERT_EQ(++outcomes_, 1) << "decided once";
    if (outcome.kind == Kind::kAcknowledged) {
      ASSERT_TRUE(LevelsReached()) << "P30";
    } else {
      ASSERT_FALSE(LevelsReached() && !stands_for_.empty());
      ASSERT_LT(outcome.reached, outcome.needed);
      const bool early = now_us_ < kStart + WriteQuorum::Options{}.deadline_us;
      ASSERT_FALSE(early && MayYetBeReached());
    }
  }

  // By those who were asked and have not said no, in time or not.
  bool MayYetBeReached() const {
    std::set<NodeId> copies = has_copy_;
    std::set<NodeId> own_copies = has_own_copy_;
    for (const auto& [node, owner] : stands_for_) {
      if (failed_.contains(node)) continue;
      copies.insert(owner);
      if (node == owner) own_copies.insert(owner);
    }
    return copies.size() >= std::max(needed_.w, needed_.dw) && own_copies.size() >= needed_.pw;
  }

  void Step(WriteQuorum& quorum) {
    const uint64_t choice = random_.Below(100);
    if (choice < 70 && !on_the_way_.empty()) {
      const size_t i = random_.Below(on_the_way_.size());
      const Answer answer = on_the_way_[i];
      // A copy may stay under way.
      if (!random_.Percent(20)) on_the_way_.erase(on_the_way_.begin() + static_cast<ptrdiff_t>(i));
      Deliver(quorum, answer);
    } else if (choice < 75) {
      // What nobody sent, or a node that was not asked.
      const NodeId node{99 + random_.Below(12)};
      if (stands_for_.contains(node)) return;
      quorum.Acknowledged(node, true, now_us_);
      quorum.Refused(node, Refusal::kWrongActor, now_us_);
      quorum.Lost(node, now_us_);
      TakeOutputs(quorum);
    } else {
      PassTime(quorum);
    }
  }

  void Deliver(WriteQuorum& quorum, const Answer& answer) {
    delivered_.push_back(answer);
    waiting_since_us_.erase(answer.node);
    if (answer.what >= Answer::What::kRefused) failed_.insert(answer.node);
    Tell(quorum, answer);
    TakeOutputs(quorum);
  }

  void Tell(WriteQuorum& quorum, const Answer& answer) {
    switch (answer.what) {
      case Answer::What::kStored:
      case Answer::What::kDurable: {
        const bool durable = answer.what == Answer::What::kDurable;
        NoteCopy(answer.node, durable);
        return quorum.Acknowledged(answer.node, durable, now_us_);
      }
      case Answer::What::kRefused: return quorum.Refused(answer.node, Refusal::kFull, now_us_);
      case Answer::What::kWrongActor:
        refused_for_actor_.insert(answer.node);
        return quorum.Refused(answer.node, Refusal::kWrongActor, now_us_);
      case Answer::What::kLost:
#ifdef CARTWHEEL_CANARY
        // The planted fault: a lost connection is taken for an answer.
        return quorum.Acknowledged(answer.node, true, now_us_);
#endif
        return quorum.Lost(answer.node, now_us_);
    }
  }

  void PassTime(WriteQuorum& quorum) {
    const auto next = quorum.NextDeadline();
    ASSERT_TRUE(next.has_value()) << "who waits has a deadline";
    ASSERT_GT(*next, now_us_) << "a deadline that has passed has been dealt with";
    ASSERT_LE(*next, kStart + WriteQuorum::Options{}.deadline_us);
    const bool early = random_.Percent(50);
    now_us_ = early ? now_us_ + (*next - now_us_) / 2 : *next;
    quorum.OnTime(now_us_);
    TakeOutputs(quorum);
    for (const auto& [node, since_us] : waiting_since_us_) {
      const NodeId owner = stands_for_[node];
      const bool silent = now_us_ >= since_us + WriteQuorum::Options{}.rpc_timeout_us;
      ASSERT_TRUE(!silent || has_copy_.contains(owner) || hints_.contains(owner));
    }
  }

  void CheckEnd(WriteQuorum& quorum) {
    if (HasFatalFailure()) return;
    ASSERT_EQ(outcomes_, 1);
    ASSERT_EQ(quorum.NextDeadline(), std::nullopt);
    std::set<NodeId> without;
    for (const NodeId owner : quorum.OwnersWithoutCopy()) without.insert(owner);
    for (size_t i = 0; i < owners_; ++i) {
      const NodeId owner = nodes_[i].node;
      ASSERT_EQ(without.contains(owner), !has_copy_.contains(owner));
      ASSERT_TRUE(has_copy_.contains(owner) || hints_.contains(owner)) << "P11: no owner forgotten";
    }
    // P12: what comes once more, or now, changes nothing.
    on_the_way_.insert(on_the_way_.end(), delivered_.begin(), delivered_.end());
    now_us_ += 1'000'000;
    for (const Answer& answer : on_the_way_) Tell(quorum, answer);
    quorum.OnTime(now_us_);
    ASSERT_TRUE(quorum.TakeOutputs().empty());
  }

  static constexpr int64_t kStart = 1'000;

  Random random_;
  Levels levels_;
  Levels needed_;
  std::vector<Candidate> nodes_;
  size_t owners_ = 0;
  NodeId self_{};
  uint64_t loss_ = 0;
  uint64_t silence_ = 0;
  int64_t now_us_ = kStart;

  std::vector<Answer> on_the_way_;
  std::vector<Answer> delivered_;
  std::map<NodeId, NodeId> stands_for_;  // who was asked, for which owner
  std::map<NodeId, int> times_asked_;
  std::map<NodeId, int64_t> waiting_since_us_;
  std::set<NodeId> failed_;
  std::set<NodeId> refused_for_actor_;
  std::set<NodeId> has_copy_;  // owners, by what was told
  std::set<NodeId> has_own_copy_;
  std::set<NodeId> has_durable_copy_;
  std::set<NodeId> hints_;
  int outcomes_ = 0;
};

TEST(WriteQuorumProperty, WhateverComesInWhateverOrderTheOutcomeIsTrueAndNoOwnerIsForgotten) {
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE(seed);
    WriteRun(seed).Go();
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace cartwheel::cluster
