#include "cluster/differing_keys.h"

#include <algorithm>
#include <bit>

namespace cartwheel::cluster {

DifferingKeys::DifferingKeys(const Ring& ring, std::vector<Partition> partitions, uint64_t first_id,
                             const Options& options, int64_t now_us)
    : ring_(ring), partitions_(std::move(partitions)), id_(first_id), options_(options) {
  result_.more = partitions_.size() > options_.most_partitions;
  if (result_.more) partitions_.resize(options_.most_partitions);
  if (!IsOver()) Ask(Step::kLeaves, now_us);
}

void DifferingKeys::Ask(Step step, int64_t now_us) {
  step_ = step;
  if (step == Step::kLeaves) {
    leaves_ = kMostLeaves;
    numbers_.clear();
  }
  ++id_;
  answers_.clear();
  awaited_.clear();
  questions_.clear();
  deadline_us_ = now_us + options_.answer_within_us;
  for (const NodeId owner : ring_.OwnersOf(partition())) {
    awaited_.insert(owner);
    questions_.emplace_back(owner, AskDigests{.id = RequestId{id_},
                                              .partition = partition(),
                                              .epoch = ring_.EpochOf(partition()),
                                              .leaves = leaves_,
                                              .numbers = numbers_});
  }
}

void DifferingKeys::Answered(NodeId node, const Digests& message, int64_t now_us) {
  if (IsOver() || message.id != RequestId{id_} || awaited_.erase(node) == 0) return;
  if (message.refusal != Refusal::kNone) {
    result_.unknown.push_back(partition());
    return GoToNext(now_us);
  }
  Answer& answer = answers_[node];
  answer.leaves = message.leaves;
  for (const auto& [ref, digest] : message.keys) {
    answer.keys[{ref.database, std::string(ref.key)}] = digest;
  }
  if (awaited_.empty()) EndStep(now_us);
}

void DifferingKeys::Lost(NodeId node, int64_t now_us) {
  if (IsOver() || !awaited_.contains(node)) return;
  result_.unknown.push_back(partition());
  GoToNext(now_us);
}

void DifferingKeys::OnTime(int64_t now_us) {
  if (IsOver() || now_us < deadline_us_) return;
  if (step_ == Step::kPause) return Ask(Step::kKeysAgain, now_us);
  result_.unknown.push_back(partition());
  GoToNext(now_us);
}

void DifferingKeys::EndStep(int64_t now_us) {
  switch (step_) {
    case Step::kLeaves: return FindLeaves() ? Ask(Step::kKeys, now_us) : GoToNext(now_us);
    case Step::kKeys:
      found_ = KeysThatDiffer();
      if (found_.empty()) return GoToNext(now_us);
      step_ = Step::kPause;
      deadline_us_ = now_us + options_.pause_us;
      return;
    case Step::kPause: return;
    case Step::kKeysAgain: List(KeysThatDiffer()); return GoToNext(now_us);
  }
}

// Of the fewest leaves that one of them has. False: none differ any more.
bool DifferingKeys::FindLeaves() {
  size_t fewest = kMostLeaves;
  for (const auto& [node, answer] : answers_) fewest = std::min(fewest, answer.leaves.size());
  if (fewest < kFewestLeaves || !std::has_single_bit(fewest)) return false;
  leaves_ = static_cast<uint32_t>(fewest);
  std::optional<std::vector<RecordDigest>> first;
  std::set<LeafNumber> differing;
  for (const auto& [node, answer] : answers_) {
    std::vector<RecordDigest> folded(leaves_);
    const size_t width = answer.leaves.size() / leaves_;
    for (size_t i = 0; i < width * leaves_; ++i) folded[i / width] ^= answer.leaves[i];
    if (!first) first = folded;
    for (LeafNumber i = 0; i < leaves_; ++i) {
      if (folded[i] != (*first)[i]) differing.insert(i);
    }
  }
  numbers_.assign(differing.begin(), differing.end());
  if (numbers_.size() > options_.most_leaves) {
    result_.more = true;
    numbers_.resize(options_.most_leaves);
  }
  return !numbers_.empty();
}

DifferingKeys::Found DifferingKeys::KeysThatDiffer() const {
  Found found;
  for (const auto& [node, answer] : answers_) {
    for (const auto& [name, digest] : answer.keys) found[name];
  }
  for (auto& [name, at] : found) {
    for (const auto& [node, answer] : answers_) {
      const auto has = answer.keys.find(name);
      at.emplace_back(node, has == answer.keys.end() ? 0 : has->second);
    }
  }
  std::erase_if(found, [](const auto& each) {
    return std::ranges::all_of(
        each.second, [&](const auto& at) { return at.second == each.second.front().second; });
  });
  return found;
}

void DifferingKeys::List(const Found& found) {
  for (const auto& [name, at] : found) {
    if (!found_.contains(name)) continue;
    if (result_.keys.size() >= options_.most_keys) {
      result_.more = true;
      return;
    }
    result_.keys.push_back(
        {.partition = partition(), .database = name.first, .key = name.second, .at = at});
  }
}

void DifferingKeys::GoToNext(int64_t now_us) {
  ++next_;
  found_.clear();
  questions_.clear();
  if (!IsOver()) Ask(Step::kLeaves, now_us);
}

}  // namespace cartwheel::cluster
