// AntiEntropy as far as it goes about roots alone: most partitions are the same, and many fit into
// one question.
#include <algorithm>
#include <utility>

#include "cluster/anti_entropy.h"

namespace cartwheel::cluster {

// ---- who asks

void AntiEntropy::AskForSame(std::map<NodeId, SameRoots>& gathered, int64_t now_us) {
  for (auto& [peer, message] : gathered) {
    message.id = RequestId{next_id_++};
    for (const auto& root : message.roots) asked_same_.insert({root.partition, peer});
    peers_.Send(peer, message);
    const int64_t deadline_us = now_us + options_.timeout_us;
    questions_[message.id] = {peer, std::move(message.roots), deadline_us};
    Wake(deadline_us);
  }
}

void AntiEntropy::On(NodeId from, const OtherRoots& message, Time now) {
  const int64_t now_us = now.monotonic_us;
  const auto found = questions_.find(message.id);
  if (found == questions_.end() || found->second.peer != from) return;
  const Question question = std::move(found->second);
  questions_.erase(found);
  const auto is_in = [](const std::vector<Partition>& list, Partition partition) {
    return std::ranges::find(list, partition) != list.end();
  };
  for (const auto& [partition, epoch, root] : question.roots) {
    const Pair pair{partition, from};
    asked_same_.erase(pair);
    if (is_in(message.not_yet, partition)) {
      const auto due = due_us_.find(pair);
      if (due != due_us_.end()) due->second = std::max(due->second, now_us + options_.busy_us);
    } else if (is_in(message.partitions, partition)) {
      CompareSingly(pair, now_us);
    } else if (due_us_.contains(pair) && epoch == ring_.EpochOf(partition) &&
               store_.IsComplete(partition)) {
      ended_.push_back({.pair = pair});
      NoteAgreed(pair, now_us);
    }
  }
  look_us_ = now_us;
  Wake(now_us);
}

void AntiEntropy::CompareSingly(const Pair& pair, int64_t now_us) {
  const auto due = due_us_.find(pair);
  if (due == due_us_.end()) return;
  due->second = std::min(due->second, now_us);
  singly_.insert(pair);
}

// Who does not answer may be of a version that knows no such question.
void AntiEntropy::DropLateQuestions(int64_t now_us) {
  std::erase_if(questions_, [&](const auto& each) {
    const Question& question = each.second;
    if (now_us < question.deadline_us) return false;
    for (const auto& root : question.roots) {
      asked_same_.erase({root.partition, question.peer});
      CompareSingly({root.partition, question.peer}, now_us);
    }
    look_us_ = now_us;
    return true;
  });
}

void AntiEntropy::NoteAgreed(const Pair& pair, int64_t now_us) {
  ++totals_.compared;
  due_us_.at(pair) = options_.every_us == 0 ? INT64_MAX : now_us + options_.every_us;
  agreed_us_[pair] = now_us;
  asked_for_.erase(pair);
}

// ---- who answers

void AntiEntropy::On(NodeId from, const SameRoots& message, Time now) {
  OtherRoots reply{.id = message.id};
  for (const auto& root : message.roots) JudgeRoot(from, root, reply, now.monotonic_us);
  peers_.Send(from, reply);
}

// What the asker has received and this node has not is a matter of a comparison of its own.
void AntiEntropy::JudgeRoot(NodeId from, const RootsReply::OfPartition& root, OtherRoots& reply,
                            int64_t now_us) {
  const auto& [partition, epoch, digest] = root;
  const MerkleTree* const tree = store_.TreeOf(partition);
  const bool refuses = MayAnswer(from, partition, epoch, RequestId{}) != Refusal::kNone;
  if (!refuses && tree == nullptr) {
    reply.not_yet.push_back(partition);
    to_build_.insert(partition);
    Wake(now_us);
    return;
  }
  if (refuses || tree->Root() != digest || NewsOf({partition, from})) {
    reply.partitions.push_back(partition);
  }
}

// ---- of all partitions, for whoever looks at the whole cluster

std::vector<RootsReply::OfPartition> AntiEntropy::Roots(int64_t now_us) {
  std::vector<RootsReply::OfPartition> roots;
  for (size_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<Partition>(i);
    if (!ring_.Owns(self_, partition) || !store_.IsComplete(partition)) continue;
    const MerkleTree* const tree = store_.TreeOf(partition);
    if (tree == nullptr) {
      to_build_.insert(partition);
      continue;
    }
    roots.push_back(
        {.partition = partition, .epoch = ring_.EpochOf(partition), .root = tree->Root()});
  }
  if (!to_build_.empty()) Wake(now_us);
  return roots;
}

AntiEntropy::Told AntiEntropy::Tell(const AskDigests& message, int64_t now_us) {
  const Partition partition = message.partition;
  if (!ring_.Owns(self_, partition) || message.epoch != ring_.EpochOf(partition)) {
    return {.refusal = Refusal::kStale};
  }
  if (!store_.IsComplete(partition)) return {.refusal = Refusal::kRebuilding};
  const MerkleTree* const tree = store_.TreeOf(partition);
  if (tree == nullptr) {
    to_build_.insert(partition);
    Wake(now_us);
    return {.refusal = Refusal::kBusy};
  }
  Told told;
  if (message.numbers.empty()) {
    const MerkleTree folded = tree->Folded(std::min(message.leaves, tree->leaves()));
    for (LeafNumber i = 0; i < folded.leaves(); ++i) told.leaves.push_back(folded.leaf(i));
    return told;
  }
  const bool fits = message.leaves <= tree->leaves() && message.numbers.back() < message.leaves;
  auto keys = fits ? store_.NameLeaves(partition, message.leaves, message.numbers) : std::nullopt;
  if (!keys) return {.refusal = Refusal::kBusy};
  told.keys = *std::move(keys);
  return told;
}

}  // namespace cartwheel::cluster
