#include "cluster/write_quorum.h"

#include <algorithm>
#include <utility>

#include "storage/check.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {

using Kind = WriteOutcome::Kind;

WriteQuorum::WriteQuorum(NodeId self, std::span<const Candidate> preference_list,
                         const Levels& levels, const Options& options, int64_t now_us)
    : levels_(levels), options_(options), deadline_us_(now_us + options.deadline_us) {
  storage::Check(Validate(levels).has_value(), "levels are valid");
  TakeCandidates(self, preference_list);
  if (Refuse(self, preference_list)) candidates_.clear();
}

void WriteQuorum::TakeCandidates(NodeId self, std::span<const Candidate> preference_list) {
  copies_.clear();
  candidates_.clear();
  bool self_is_there = false;
  std::array<size_t, kMostQuorums> sizes{};
  for (const Candidate& candidate : preference_list) {
    self_is_there = self_is_there || candidate.node == self;
    if (!candidate.owner) continue;
    copies_.push_back({.owner = candidate.node, .quorums = candidate.quorums});
    for (size_t i = 0; i < kMostQuorums; ++i) sizes[i] += (candidate.quorums >> i) & 1;
  }
  storage::Check(self_is_there && sizes[0] > 0,
                 "a coordinator is in the preference list of what it writes");
  for (size_t i = 0; i < kMostQuorums; ++i) {
    of_quorum_[i] = sizes[i] == 0 ? std::nullopt : std::optional(levels_.Over(sizes[i]));
  }

  // A fallback coordinates only while owners are away: it stands in for the first of those.
  local_hint_for_ = kNoNode;
  local_copy_.reset();
  for (size_t i = copies_.size(); i-- > 0;) {
    if (!preference_list[i].healthy) local_copy_ = i;
  }
  const auto own = std::ranges::find(copies_, self, &Copy::owner);
  if (own != copies_.end()) {
    local_copy_ = static_cast<size_t>(own - copies_.begin());
  } else {
    local_hint_for_ = local_copy_ ? copies_[*local_copy_].owner : copies_.back().owner;
  }

  for (const bool healthy : {true, false}) {
    size_t fallbacks = 0;
    for (const Candidate& candidate : preference_list) {
      if (candidate.node == self || candidate.healthy != healthy) continue;
      if (!candidate.owner && ++fallbacks > kMaxFallbacks) break;
      candidates_.push_back(candidate);
    }
  }
}

// Before anything is done: could it be done at all, by those who are healthy?
bool WriteQuorum::Refuse(NodeId self, std::span<const Candidate> preference_list) {
  int healthy = 0;
  Standings most;
  std::array<int, kMostQuorums> sizes{};
  for (const Candidate& candidate : preference_list) {
    const bool counts = candidate.healthy || candidate.node == self;
    healthy += counts ? 1 : 0;
    for (size_t i = 0; candidate.owner && i < kMostQuorums; ++i) {
      if (((candidate.quorums >> i) & 1) == 0) continue;
      ++sizes[i];
      most[i].at_owners += counts ? 1 : 0;
    }
  }
  for (size_t i = 0; i < kMostQuorums; ++i) {
    most[i].stored = most[i].durable = std::min(healthy, sizes[i]);
  }
  auto shortfall = ShortOf(most);
  if (!shortfall) return false;
  shortfall->kind = Kind::kNoReplicas;
  Decide(*shortfall);
  return true;
}

void WriteQuorum::Restart(NodeId self, std::span<const Candidate> preference_list, int64_t now_us) {
  storage::Check(!outcome_, "what is decided does not begin again");
  boost::container::small_vector<Asked, 3> before;
  before.swap(asked_);
  TakeCandidates(self, preference_list);
  outputs_.clear();
  if (std::exchange(stored_here_, false)) LocalStored(durable_here_, now_us);
  if (!IsPlanted(Mutation::kMixesEpochs)) return;
  for (const Asked& asked : before) {
    if (asked.state == Asked::State::kStored) Acknowledged(asked.node, durable_here_, now_us);
  }
}

void WriteQuorum::GiveUp() {
  storage::Check(!outcome_, "what is decided is not given up");
  candidates_.clear();
  asked_.clear();
  const auto shortfall = ShortOf(Count(false));
  outcome_ = shortfall ? *shortfall : WriteOutcome{.kind = Kind::kUncertain};
}

void WriteQuorum::LocalFailed() {
  storage::Check(!stored_here_ && !outcome_, "the local commit has one result");
  candidates_.clear();
  Decide({.kind = Kind::kNotStored});
}

void WriteQuorum::LocalStored(bool durable, int64_t now_us) {
  storage::Check(!stored_here_ && !outcome_, "the local commit has one result");
  stored_here_ = true;
  durable_here_ = durable;
  if (local_copy_) {
    Copy& local = copies_[*local_copy_];
    (local_hint_for_ == kNoNode ? local.at_owner : local.at_fallback) = true;
    local.durable = durable;
  }
  // The first N healthy: owners for themselves, then others for the owners that are not.
  for (size_t i = 0; i < copies_.size(); ++i) {
    if (copies_[i].stored()) continue;
    const auto healthy_owner = [this, i](const Candidate& candidate) {
      return candidate.node == copies_[i].owner && candidate.healthy;
    };
    if (std::ranges::any_of(candidates_, healthy_owner)) Ask(copies_[i].owner, i, now_us);
  }
  for (size_t i = 0; i < copies_.size(); ++i) {
    if (!copies_[i].stored() && !IsAwaited(i)) AskNext(i, now_us);
  }
  Advance(now_us);
}

void WriteQuorum::Ask(NodeId node, size_t copy, int64_t now_us) {
  candidates_.erase(std::ranges::find(candidates_, node, &Candidate::node));
  asked_.push_back({.node = node,
                    .copy = copy,
                    .state = Asked::State::kWaiting,
                    .asked_again = false,
                    .silent_at_us = now_us + options_.rpc_timeout_us});
  const NodeId owner = copies_[copy].owner;
  outputs_.emplace_back(Send{node, node == owner ? kNoNode : owner});
}

// A healthy fallback, else the owner itself, else a fallback that is not healthy either. False:
// nobody is left.
bool WriteQuorum::AskNext(size_t copy, int64_t now_us) {
  const auto rank = [this, copy](const Candidate& candidate) {
    if (candidate.node == copies_[copy].owner) return 1;
    if (candidate.owner) return 3;  // has a copy of its own to store
    return candidate.healthy ? 0 : 2;
  };
  const auto best = std::ranges::min_element(candidates_, {}, rank);
  if (best == candidates_.end() || rank(*best) == 3) return false;
  Ask(best->node, copy, now_us);
  return true;
}

// While PW needs more owners than those who answered or may answer yet: those that were passed
// over at first.
void WriteQuorum::AskMoreOwners(int64_t now_us) {
  for (size_t i = 0; i < copies_.size(); ++i) {
    if (!LacksOwners(copies_[i])) continue;
    const auto is_owner = [this, i](const Candidate& candidate) {
      return candidate.node == copies_[i].owner;
    };
    if (std::ranges::any_of(candidates_, is_owner)) Ask(copies_[i].owner, i, now_us);
  }
}

WriteQuorum::Asked* WriteQuorum::Find(NodeId node) {
  const auto found = std::ranges::find(asked_, node, &Asked::node);
  return found == asked_.end() ? nullptr : &*found;
}

void WriteQuorum::Acknowledged(NodeId node, bool durable, int64_t now_us) {
  Asked* const asked = Find(node);
  if (asked == nullptr) return;
  // Whatever was thought of it before: it has said that the copy is there.
  asked->state = Asked::State::kStored;
  Copy& copy = copies_[asked->copy];
  (IsOwner(*asked) ? copy.at_owner : copy.at_fallback) = true;
  copy.durable = copy.durable || durable;
  Advance(now_us);
}

void WriteQuorum::Refused(NodeId node, Refusal refusal, int64_t now_us) {
  Asked* const asked = Find(node);
  if (asked == nullptr || asked->state == Asked::State::kStored) return;
  if (refusal == Refusal::kWrongActor && !asked->asked_again && !outcome_) {
    asked->asked_again = true;
    asked->state = Asked::State::kWaiting;
    asked->silent_at_us = now_us + options_.rpc_timeout_us;
    outputs_.emplace_back(Send{node, IsOwner(*asked) ? kNoNode : copies_[asked->copy].owner});
    return;
  }
  asked->state = Asked::State::kFailed;
  Advance(now_us);
}

void WriteQuorum::Lost(NodeId node, int64_t now_us) {
  Asked* const asked = Find(node);
  if (asked == nullptr || asked->state == Asked::State::kStored) return;
  asked->state = Asked::State::kFailed;
  Advance(now_us);
}

void WriteQuorum::OnTime(int64_t now_us) {
  if (!stored_here_) return;
  const bool all_over = now_us >= deadline_us_;
  for (Asked& asked : asked_) {
    if (asked.state != Asked::State::kWaiting) continue;
    if (all_over || now_us >= asked.silent_at_us) {
      asked.state = Asked::State::kSilent;
      // At once, even if somebody else is asked now: it may be long until the owner is back.
      HintIfNeeded(copies_[asked.copy]);
    }
  }
  if (all_over && !outcome_) {
    candidates_.clear();
    if (const auto shortfall = ShortOf(Count(false))) Decide(*shortfall);
  }
  Advance(now_us);
}

std::optional<int64_t> WriteQuorum::NextDeadline() const {
  if (!stored_here_) return std::nullopt;
  std::optional<int64_t> next;
  if (!outcome_) next = deadline_us_;
  for (const Asked& asked : asked_) {
    if (asked.state != Asked::State::kWaiting) continue;
    const int64_t at = std::min(asked.silent_at_us, deadline_us_);
    next = std::min(next.value_or(at), at);
  }
  return next;
}

bool WriteQuorum::IsAwaited(size_t copy) const {
  return std::ranges::any_of(asked_, [copy](const Asked& asked) {
    return asked.copy == copy && asked.state == Asked::State::kWaiting;
  });
}

// One more at this owner itself would help one of its quorums.
bool WriteQuorum::LacksOwners(const Copy& copy) const {
  if (levels_.pw == 0) return false;
  const Standings standings = Count(true);
  for (size_t i = 0; i < kMostQuorums; ++i) {
    const bool counts = ((copy.quorums >> i) & 1) != 0;
    if (counts && standings[i].at_owners < of_quorum_[i]->pw) return true;
  }
  return false;
}

WriteQuorum::Standings WriteQuorum::Count(bool or_may_be) const {
  Standings standings;
  for (size_t i = 0; i < copies_.size(); ++i) {
    bool stored = copies_[i].stored();
    bool at_owner = copies_[i].at_owner;
    bool durable = copies_[i].durable;
    if (or_may_be) {
      durable = durable || stored;
      for (const Asked& asked : asked_) {
        // The silent may still speak up before the deadline.
        if (asked.copy != i || asked.state == Asked::State::kFailed) continue;
        stored = durable = true;
        at_owner = at_owner || IsOwner(asked);
      }
    }
    for (size_t quorum = 0; quorum < kMostQuorums; ++quorum) {
      if (((copies_[i].quorums >> quorum) & 1) == 0) continue;
      standings[quorum].stored += stored ? 1 : 0;
      standings[quorum].at_owners += at_owner ? 1 : 0;
      standings[quorum].durable += durable ? 1 : 0;
    }
  }
  return standings;
}

std::optional<WriteOutcome> WriteQuorum::ShortOf(const Standings& standings) const {
  for (size_t i = 0; i < kMostQuorums; ++i) {
    if (!of_quorum_[i]) continue;
    if (const auto shortfall = ShortOf(*of_quorum_[i], standings[i])) return shortfall;
  }
  return std::nullopt;
}

std::optional<WriteOutcome> WriteQuorum::ShortOf(const Levels& levels,
                                                 const Standing& standing) const {
  const auto shortfall = [](Level level, int reached, int needed) {
    return WriteOutcome{Kind::kUncertain, level, reached, needed};
  };
  if (standing.stored < levels.w) return shortfall(Level::kW, standing.stored, levels.w);
  if (standing.at_owners < levels.pw) return shortfall(Level::kPW, standing.at_owners, levels.pw);
  if (standing.durable < levels.dw) return shortfall(Level::kDW, standing.durable, levels.dw);
  return std::nullopt;
}

void WriteQuorum::Decide(const WriteOutcome& outcome) {
  outcome_ = outcome;
  outputs_.emplace_back(outcome);
}

// Everything that follows from what is known.
void WriteQuorum::Advance(int64_t now_us) {
  if (!outcome_ && !ShortOf(Count(false))) Decide({});
  if (!outcome_) {
    for (size_t i = 0; i < copies_.size(); ++i) {
      if (!copies_[i].stored() && !IsAwaited(i)) AskNext(i, now_us);
    }
    AskMoreOwners(now_us);
    if (ShortOf(Count(true))) Decide(*ShortOf(Count(false)));
  }
  for (size_t i = 0; i < copies_.size(); ++i) {
    if (!IsAwaited(i)) HintIfNeeded(copies_[i]);
  }
}

void WriteQuorum::HintIfNeeded(Copy& copy) {
  if (copy.stored() || copy.hinted) return;
  copy.hinted = true;
  outputs_.emplace_back(StoreHint{copy.owner});
}

WriteQuorum::Outputs WriteQuorum::TakeOutputs() {
  return std::exchange(outputs_, {});
}

bool WriteQuorum::IsOver() const {
  return outcome_ && std::ranges::none_of(asked_, [](const Asked& asked) {
           return asked.state == Asked::State::kWaiting;
         });
}

boost::container::small_vector<NodeId, 3> WriteQuorum::OwnersWithoutCopy() const {
  boost::container::small_vector<NodeId, 3> owners;
  for (const Copy& copy : copies_) {
    if (!copy.stored()) owners.push_back(copy.owner);
  }
  return owners;
}

}  // namespace cartwheel::cluster
