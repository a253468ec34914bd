#include "cluster/register.h"

#include <algorithm>

#include "cluster/rendezvous.h"
#include "storage/check.h"

namespace cartwheel::cluster {

Register::Register(NodeId self, State state, const Options& options, uint64_t seed)
    : self_(self), state_(std::move(state)), options_(options), random_state_(seed) {
  storage::Check(!state_.chosen.voters.empty(), "a record has voters");
  highest_round_ = state_.promised.round;
}

bool Register::IsVoter(NodeId node) const {
  return std::ranges::binary_search(state_.chosen.voters, node);
}

void Register::Emit(NodeId to, RegisterMessage message) {
  outputs_.emplace_back(Send{.to = to, .message = std::move(message)});
}

void Register::Tell(NodeId voter, const RegisterMessage& message, int64_t now_us) {
  if (voter == self_) {
    On(self_, message, now_us);
  } else {
    Emit(voter, message);
  }
}

std::vector<Register::Output> Register::TakeOutputs() {
  return std::exchange(outputs_, {});
}

uint64_t Register::Random() {
  return NextRandom(random_state_);
}

// ---- the proposer

bool Register::Propose(Record next, int64_t now_us) {
  if (proposal_) return false;
  storage::Check(next.epoch == NextEpoch() && !next.voters.empty(),
                 "what is proposed follows what is chosen");
  proposal_ = Proposal{.own = std::move(next),
                       .ballot = {},
                       .record = {},
                       .highest_accepted = {},
                       .granted = {},
                       .deadline_us = now_us + options_.deadline_us};
  BeginAttempt(now_us);
  return true;
}

void Register::BeginAttempt(int64_t now_us) {
  Proposal& proposal = *proposal_;
  proposal.ballot = {.round = ++highest_round_, .node = self_, .nonce = Random()};
  proposal.accepting = false;
  proposal.highest_accepted = {};
  proposal.record = proposal.own;
  proposal.granted.clear();
  proposal.begins_us = 0;
  proposal.attempt_until_us = now_us + options_.attempt_us;
  ++proposal.attempts;
  const Prepare prepare{.epoch = NextEpoch(), .ballot = proposal.ballot};
  const std::vector<NodeId> voters = state_.chosen.voters;  // it may be over with the last answer
  for (const NodeId voter : voters) {
    if (proposal_ && proposal_->ballot == prepare.ballot) Tell(voter, prepare, now_us);
  }
}

void Register::StepBack(int64_t now_us) {
  if (proposal_->begins_us != 0) return;
  const auto most = static_cast<uint64_t>(options_.backoff_us * proposal_->attempts);
  proposal_->begins_us = now_us + 1 + static_cast<int64_t>(Random() % (most + 1));
}

void Register::On(NodeId from, const Promise& promise, int64_t now_us) {
  if (!proposal_ || proposal_->accepting || promise.ballot != proposal_->ballot ||
      promise.epoch != NextEpoch() || !IsVoter(from)) {
    return;
  }
  Proposal& proposal = *proposal_;
  // What a majority may have accepted already is what will be chosen.
  if (promise.accepted > proposal.highest_accepted) {
    proposal.highest_accepted = promise.accepted;
    proposal.record = promise.record;
  }
  proposal.granted.insert(from);
  if (proposal.granted.size() < Majority()) return;
  proposal.accepting = true;
  proposal.granted.clear();
  const Accept accept{.ballot = proposal.ballot, .record = proposal.record};
  const std::vector<NodeId> voters = state_.chosen.voters;
  for (const NodeId voter : voters) {
    if (proposal_ && proposal_->ballot == accept.ballot) Tell(voter, accept, now_us);
  }
}

void Register::On(NodeId from, const Accepted& accepted, int64_t) {
  if (!proposal_ || !proposal_->accepting || accepted.ballot != proposal_->ballot ||
      accepted.epoch != NextEpoch() || !IsVoter(from)) {
    return;
  }
  proposal_->granted.insert(from);
  if (proposal_->granted.size() < Majority()) return;
  const Record record = proposal_->record;
  std::set<NodeId> told(state_.chosen.voters.begin(), state_.chosen.voters.end());
  told.insert(record.voters.begin(), record.voters.end());
  Learn(record);
  for (const NodeId node : told) {
    if (node != self_) Emit(node, Chosen{record});
  }
}

void Register::On(NodeId, const Rejected& rejected, int64_t now_us) {
  if (rejected.epoch != NextEpoch()) return;
  highest_round_ = std::max(highest_round_, rejected.promised.round);
  if (proposal_ && rejected.ballot == proposal_->ballot) StepBack(now_us);
}

void Register::End(Outcome outcome) {
  proposal_.reset();
  outputs_.emplace_back(outcome);
}

// ---- the voter

bool Register::IsCurrent(NodeId from, uint64_t epoch) {
  if (epoch == NextEpoch()) return true;
  if (epoch > NextEpoch()) {
    Emit(from, Pull{state_.chosen.epoch});
  } else {
    Emit(from, Chosen{state_.chosen});
  }
  return false;
}

void Register::On(NodeId from, const Prepare& prepare, int64_t now_us) {
  if (!IsCurrent(from, prepare.epoch) || !IsVoter(self_)) return;
  highest_round_ = std::max(highest_round_, prepare.ballot.round);
  if (prepare.ballot < state_.promised) {
    return Tell(from, Rejected{prepare.epoch, prepare.ballot, state_.promised}, now_us);
  }
  if (prepare.ballot != state_.promised) {
    state_.promised = prepare.ballot;
    changed_ = true;
  }
  Tell(from,
       Promise{.epoch = prepare.epoch,
               .ballot = prepare.ballot,
               .accepted = state_.accepted,
               .record = state_.record},
       now_us);
}

void Register::On(NodeId from, const Accept& accept, int64_t now_us) {
  if (!IsCurrent(from, accept.record.epoch) || !IsVoter(self_)) return;
  if (accept.record.voters.empty()) return;
  highest_round_ = std::max(highest_round_, accept.ballot.round);
  if (accept.ballot < state_.promised) {
    return Tell(from, Rejected{accept.record.epoch, accept.ballot, state_.promised}, now_us);
  }
  if (accept.ballot != state_.accepted) {
    state_.promised = state_.accepted = accept.ballot;
    state_.record = accept.record;
    changed_ = true;
  }
  Tell(from, Accepted{.epoch = accept.record.epoch, .ballot = accept.ballot}, now_us);
}

// ---- who learns

void Register::Learn(const Record& record) {
  if (record.epoch <= state_.chosen.epoch || record.voters.empty()) return;
  const bool is_own = proposal_ && proposal_->own == record;
  state_ = {.chosen = record, .promised = {}, .accepted = {}, .record = {}};
  changed_ = true;
  highest_round_ = 0;
  if (proposal_) End(is_own ? Outcome::kChosen : Outcome::kOvertaken);
}

void Register::On(NodeId, const Chosen& chosen, int64_t) {
  Learn(chosen.record);
}

void Register::On(NodeId from, const Pull& pull, int64_t) {
  if (pull.epoch < state_.chosen.epoch) Emit(from, Chosen{state_.chosen});
}

void Register::HeardOf(NodeId node, uint64_t epoch) {
  if (epoch > state_.chosen.epoch) Emit(node, Pull{state_.chosen.epoch});
}

void Register::On(NodeId from, const RegisterMessage& message, int64_t now_us) {
  std::visit([&](const auto& each) { On(from, each, now_us); }, message);
}

// ---- time

void Register::OnTime(int64_t now_us) {
  if (!proposal_) return;
  if (now_us >= proposal_->deadline_us) return End(Outcome::kUnknown);
  if (proposal_->begins_us != 0) {
    if (now_us >= proposal_->begins_us) BeginAttempt(now_us);
  } else if (now_us >= proposal_->attempt_until_us) {
    StepBack(now_us);
  }
}

int64_t Register::NextDeadline() const {
  if (!proposal_) return INT64_MAX;
  const int64_t next =
      proposal_->begins_us != 0 ? proposal_->begins_us : proposal_->attempt_until_us;
  return std::min(next, proposal_->deadline_us);
}

}  // namespace cartwheel::cluster
