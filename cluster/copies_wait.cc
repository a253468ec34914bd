#include "cluster/copies_wait.h"

#include <algorithm>
#include <utility>

namespace cartwheel::cluster {

CopiesWait::CopiesWait(const Ring& ring, std::vector<WriteRange> writes, const Terms& terms,
                       const Options& options, int64_t now_us)
    : ring_(ring),
      writes_(std::move(writes)),
      terms_(terms),
      options_(options),
      pause_us_(options.first_pause_us),
      next_round_us_(now_us) {}

// ---- rounds

bool CopiesWait::IsRoundDue(int64_t now_us) const {
  return !IsOver() && now_us >= next_round_us_;
}

std::vector<NodeId> CopiesWait::BeginRound(std::span<const NodeId> healthy, int64_t now_us) {
  next_round_us_ = INT64_MAX;
  round_until_us_ = now_us + options_.rpc_timeout_us;
  healthy_.assign(healthy.begin(), healthy.end());
  std::vector<NodeId> to_ask;
  to_ask.reserve(healthy.size());
  for (const NodeId node : healthy) {
    if (!WritesAt(node).empty()) to_ask.push_back(node);
  }
  std::erase_if(
      asked_, [&](const auto& asked) { return !std::ranges::binary_search(to_ask, asked.first); });
  for (const NodeId node : to_ask) asked_[node].waiting = true;
  Advance(now_us);
  return to_ask;
}

std::vector<WriteRange> CopiesWait::WritesAt(NodeId node) const {
  std::vector<WriteRange> writes;
  std::ranges::copy_if(writes_, std::back_inserter(writes),
                       [&](const WriteRange& range) { return ring_.Owns(node, range.partition); });
  return writes;
}

void CopiesWait::Answered(NodeId node, std::span<const Partition> held, int64_t now_us) {
  const auto asked = asked_.find(node);
  if (asked == asked_.end()) return;
  asked->second = {.waiting = false, .held = {held.begin(), held.end()}};
  Advance(now_us);
}

void CopiesWait::Lost(NodeId node, int64_t now_us) {
  asked_.erase(node);
  std::erase(healthy_, node);
  Advance(now_us);
}

void CopiesWait::OnTime(int64_t now_us) {
  if (InRound() && now_us >= round_until_us_) {
    std::erase_if(asked_, [](const auto& asked) { return asked.second.waiting; });
  }
  Advance(now_us);
  if (!IsOver() && now_us >= terms_.until_us) outcome_ = replicas();
}

std::optional<int64_t> CopiesWait::NextDeadline() const {
  if (IsOver()) return std::nullopt;
  return std::min(InRound() ? round_until_us_ : next_round_us_, terms_.until_us);
}

// A number that was asked for ends it as soon as it is reached; what a round finds is known at its
// end.
void CopiesWait::Advance(int64_t now_us) {
  if (IsOver() || !InRound()) return;
  const size_t found = replicas();
  const bool round_is_over =
      std::ranges::none_of(asked_, [](const auto& asked) { return asked.second.waiting; });
  const bool enough = found >= terms_.replicas && (terms_.replicas > 0 || round_is_over);
  if (enough || (round_is_over && terms_.once)) {
    outcome_ = found;
  } else if (round_is_over) {
    next_round_us_ = now_us + pause_us_;
    pause_us_ = std::min(2 * pause_us_, options_.longest_pause_us);
  }
}

// ---- copies

bool CopiesWait::Holds(NodeId node, Partition partition) const {
  if (writes_.empty()) return std::ranges::binary_search(healthy_, node);
  const auto asked = asked_.find(node);
  return asked != asked_.end() && std::ranges::binary_search(asked->second.held, partition);
}

size_t CopiesWait::CountAt(Partition partition) const {
  return static_cast<size_t>(std::ranges::count_if(
      ring_.OwnersOf(partition), [&](NodeId owner) { return Holds(owner, partition); }));
}

size_t CopiesWait::replicas() const {
  size_t fewest = ring_.copies();
  if (writes_.empty()) {
    for (Partition i = 0; i < kPartitions; ++i) fewest = std::min(fewest, CountAt(i));
  }
  for (const WriteRange& range : writes_) fewest = std::min(fewest, CountAt(range.partition));
  return fewest == 0 ? 0 : fewest - 1;
}

}  // namespace cartwheel::cluster
