#include "cluster/verification.h"

#include <algorithm>

namespace cartwheel::cluster {

Verification::Verification(const Ring& ring, const Options& options, int64_t now_us)
    : ring_(ring), options_(options), until_us_(now_us + options.most_us), next_round_us_(now_us) {}

void Verification::BeginRound(std::span<const NodeId> members, int64_t now_us) {
  next_round_us_ = INT64_MAX;
  round_until_us_ = now_us + options_.round_us;
  asked_.clear();
  roots_.clear();
  for (const NodeId node : members) asked_[node] = false;
  if (asked_.empty()) EndRound(now_us);
}

void Verification::Answered(NodeId node, const std::vector<RootsReply::OfPartition>& roots,
                            int64_t now_us) {
  const auto asked = asked_.find(node);
  if (IsOver() || asked == asked_.end() || asked->second) return;
  asked->second = true;
  for (const auto& [partition, epoch, root] : roots) roots_[node][partition] = {epoch, root};
  if (std::ranges::all_of(asked_, [](const auto& each) { return each.second; })) EndRound(now_us);
}

void Verification::Lost(NodeId node, int64_t now_us) {
  if (asked_.contains(node)) Answered(node, {}, now_us);
}

void Verification::OnTime(int64_t now_us) {
  if (!IsOver() && next_round_us_ == INT64_MAX && now_us >= round_until_us_) EndRound(now_us);
}

int64_t Verification::NextDeadline() const {
  if (IsOver()) return INT64_MAX;
  return next_round_us_ == INT64_MAX ? round_until_us_ : next_round_us_;
}

Verification::State Verification::Judge(Partition partition) const {
  if (ring_.IsMoving(partition)) return State::kMoving;
  std::optional<uint64_t> root;
  for (const NodeId owner : ring_.OwnersOf(partition)) {
    const auto of_owner = roots_.find(owner);
    if (of_owner == roots_.end()) return State::kUnknown;
    const auto told = of_owner->second.find(partition);
    const bool is_known =
        told != of_owner->second.end() && told->second.epoch == ring_.EpochOf(partition);
    if (!is_known) return State::kUnknown;
    if (root && *root != told->second.root) return State::kDifferent;
    root = told->second.root;
  }
  return State::kEqual;
}

void Verification::EndRound(int64_t now_us) {
  next_round_us_ = now_us + options_.pause_us;
  bool is_open = false;
  for (size_t i = 0; i < kPartitions; ++i) {
    OfPartition& of = partitions_[i];
    if (of.state == State::kEqual || of.state == State::kDifferent) continue;
    const State state = Judge(static_cast<Partition>(i));
    of.rounds = state == of.last ? of.rounds + 1 : 1;
    of.last = state;
    const bool is_sure = state == State::kEqual ||
                         of.rounds >= (state == State::kDifferent ? options_.rounds_to_differ
                                                                  : options_.rounds_to_be_unknown);
    of.state = is_sure ? state : State::kOpen;
    is_open = is_open || !is_sure;
  }
  if (!is_open || now_us >= until_us_) End();
}

void Verification::End() {
  Verified result;
  for (size_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<Partition>(i);
    switch (partitions_[i].last) {
      case State::kEqual: ++result.equal; break;
      case State::kDifferent: result.different.push_back(partition); break;
      case State::kMoving: result.moving.push_back(partition); break;
      case State::kUnknown:
      case State::kOpen: result.unknown.push_back(partition); break;
    }
  }
  result_ = std::move(result);
}

}  // namespace cartwheel::cluster
