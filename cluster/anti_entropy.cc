#include "cluster/anti_entropy.h"

#include <algorithm>
#include <iterator>

namespace cartwheel::cluster {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

std::vector<uint32_t> Differing(std::span<const uint64_t> own, std::span<const uint64_t> theirs) {
  std::vector<uint32_t> numbers;
  for (uint32_t i = 0; i < own.size(); ++i) {
    if (own[i] != theirs[i]) numbers.push_back(i);
  }
  return numbers;
}

// Ids of keys that only one of them has, or both, with something else.
std::vector<uint64_t> Differing(std::vector<KeyDigest> own, std::vector<KeyDigest> theirs) {
  std::ranges::sort(own);
  std::ranges::sort(theirs);
  std::vector<KeyDigest> different;
  std::ranges::set_symmetric_difference(own, theirs, std::back_inserter(different));
  std::vector<uint64_t> ids;
  ids.reserve(different.size());
  for (const KeyDigest& key : different) {
    if (ids.empty() || ids.back() != key.id) ids.push_back(key.id);
  }
  return ids;
}

std::vector<LeafNumber> Common(const std::vector<LeafNumber>& a, const std::vector<LeafNumber>& b) {
  std::vector<LeafNumber> both;
  std::ranges::set_intersection(a, b, std::back_inserter(both));
  return both;
}

}  // namespace

// ---- when

void AntiEntropy::RingChanged(int64_t now_us) {
  knows_ring_ = true;
  std::map<Pair, int64_t> all_due_us;
  for (size_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<Partition>(i);
    if (!ring_.Owns(self_, partition)) {
      store_.DropTree(partition);
      to_build_.erase(partition);
      continue;
    }
    const int64_t due_us = FirstDue(partition, now_us);
    for (const NodeId node : ring_.OwnersOf(partition)) {
      if (node == self_) continue;
      const auto before = due_us_.find({partition, node});
      all_due_us[{partition, node}] = before != due_us_.end() ? before->second : due_us;
    }
  }
  due_us_ = std::move(all_due_us);
  std::erase_if(agreed_us_, [this](const auto& agreed) { return !due_us_.contains(agreed.first); });
  std::erase_if(asked_for_, [this](const Pair& pair) { return !due_us_.contains(pair); });
  // They speak under another epoch from here on.
  for (const Comparison& comparison : std::exchange(under_way_, {})) {
    Finish(comparison, End::kFailed, now_us);
  }
  for (const auto& [pair, opened] : std::exchange(opened_, {})) KeepDeletionsOf(pair.first);
  look_us_ = now_us;
  Wake(now_us);
}

// Spread over the time between two comparisons.
int64_t AntiEntropy::FirstDue(Partition partition, int64_t now_us) const {
  if (options_.every_us == 0) return INT64_MAX;
  const int64_t first_us = std::min(options_.first_after_us, options_.every_us);
  return now_us + first_us + options_.every_us / kPartitions * partition;
}

void AntiEntropy::SetEvery(int64_t every_us, int64_t now_us) {
  if (options_.every_us == every_us) return;
  options_.every_us = every_us;
  for (auto& [pair, due_us] : due_us_) {
    if (!asked_for_.contains(pair)) due_us = FirstDue(pair.first, now_us);
  }
  look_us_ = now_us;
  Wake(now_us);
}

void AntiEntropy::PeerDown(NodeId peer, int64_t now_us) {
  std::vector<Comparison> lost;
  std::erase_if(under_way_, [&](Comparison& comparison) {
    if (comparison.pair.second != peer) return false;
    lost.push_back(std::move(comparison));
    return true;
  });
  for (const Comparison& comparison : lost) Finish(comparison, End::kFailed, now_us);
  for (const auto& [pair, opened] : std::map(opened_)) {
    if (pair.second == peer) Close(pair);
  }
}

void AntiEntropy::CompareNow(std::optional<Partition> partition, int64_t now_us) {
  for (auto& [pair, due_us] : due_us_) {
    if (partition && pair.first != *partition) continue;
    asked_for_.insert(pair);
    due_us = now_us;
  }
  look_us_ = now_us;
  Wake(now_us);
}

void AntiEntropy::OnTime(Time now) {
  const int64_t now_us = now.monotonic_us;
  if (now_us < next_us_) return;
  next_us_ = INT64_MAX;
  if (!knows_ring_) RingChanged(now_us);
  GoOn(now_us);
  for (const auto& [pair, opened] : std::map(opened_)) {
    if (now_us >= opened.until_us) Close(pair);
  }
  BuildTrees();
  BeginDue(now_us);
  for (const Comparison& comparison : under_way_) Wake(comparison.deadline_us);
  for (const auto& [pair, opened] : opened_) Wake(opened.until_us);
  if (!to_build_.empty()) Wake(now_us + options_.step_every_us);
  Wake(look_us_);
}

// Those that have waited, and the end of those that are not answered.
void AntiEntropy::GoOn(int64_t now_us) {
  std::vector<std::pair<NodeId, RequestId>> due;  // gathered first: going on may end one
  for (const Comparison& comparison : under_way_) {
    if (now_us >= comparison.deadline_us) due.emplace_back(comparison.pair.second, comparison.id);
  }
  for (const auto& [peer, id] : due) {
    Comparison& comparison = *Find(peer, id);
    if (!comparison.waits()) {
      Finish(comparison, End::kFailed, now_us);
    } else if (comparison.step == Step::kConfirm) {
      AskForBranches(comparison, now_us);
    } else {
      SwapNext(comparison, now_us);
    }
  }
}

void AntiEntropy::BuildTrees() {
  size_t records = options_.builds_records;
  for (size_t i = 0; i < options_.builds_partitions && !to_build_.empty() && records > 0; ++i) {
    const Partition partition = *to_build_.begin();
    const bool owns = ring_.Owns(self_, partition);
    if (!owns || store_.BuildTree(partition, records)) to_build_.erase(partition);
  }
}

// Those whose trees are not there are begun meanwhile.
void AntiEntropy::BeginDue(int64_t now_us) {
  if (now_us < look_us_) return;
  const size_t most_to_build = options_.builds_partitions;
  look_us_ = now_us + kSecondUs;
  if (now_us < allowed_us_) {
    look_us_ = allowed_us_;
    return;
  }
  auto at = due_us_.upper_bound(last_begun_);
  for (size_t left = due_us_.size(); left > 0 && HasRoom(); --left) {
    if (at == due_us_.end()) at = due_us_.begin();
    const auto& [pair, due_us] = *at++;
    if (due_us > now_us || !MayBegin(pair)) continue;
    if (store_.TreeOf(pair.first) == nullptr) {
      to_build_.insert(pair.first);
      look_us_ = now_us + options_.step_every_us;
      if (to_build_.size() >= most_to_build) break;
      continue;
    }
    look_us_ = now_us + options_.step_every_us;
    last_begun_ = pair;
    BeginAt(pair, now_us);
  }
}

// Who only lets time pass needs nothing meanwhile.
bool AntiEntropy::HasRoom() const {
  const auto busy = std::ranges::count_if(
      under_way_, [](const Comparison& comparison) { return !comparison.waits(); });
  return static_cast<size_t>(busy) < options_.at_once && under_way_.size() < options_.most;
}

bool AntiEntropy::MayBegin(const Pair& pair) const {
  const auto& [partition, peer] = pair;
  const bool is_mine = self_ < peer || asked_for_.contains(pair);
  const bool is_free = std::ranges::none_of(
      under_way_, [&](const Comparison& other) { return other.pair.first == partition; });
  return is_mine && is_free && !ring_.IsMoving(partition) && store_.IsComplete(partition) &&
         peers_.HasRoom(peer);
}

std::optional<int64_t> AntiEntropy::OldestAgreement(int64_t now_us) const {
  if (!knows_ring_) return std::nullopt;
  int64_t oldest_us = now_us;
  for (const auto& [pair, due_us] : due_us_) {
    if (self_ > pair.second) continue;
    const auto agreed = agreed_us_.find(pair);
    if (agreed == agreed_us_.end()) return std::nullopt;
    oldest_us = std::min(oldest_us, agreed->second);
  }
  return now_us - oldest_us;
}

// ---- who begins

void AntiEntropy::BeginAt(const Pair& pair, int64_t now_us) {
  const auto& [partition, peer] = pair;
  const MerkleTree& tree = *store_.TreeOf(partition);
  Comparison comparison{
      .id = RequestId{next_id_++ | (asked_for_.contains(pair) ? kAskedForBit : 0)},
      .pair = pair,
      .epoch = ring_.EpochOf(partition),
      .actor = store_.ActorOf(partition),
      .leaves = tree.leaves()};
  under_way_.push_back(std::move(comparison));
  KeepDeletionsOf(partition);
  Comparison& begun = under_way_.back();
  Ask(begun, Step::kRoot,
      AskTree{.id = begun.id,
              .partition = partition,
              .epoch = begun.epoch,
              .leaves = begun.leaves,
              .root = tree.Root()},
      now_us);
}

AntiEntropy::Comparison* AntiEntropy::Find(NodeId from, RequestId id) {
  const auto found = std::ranges::find(under_way_, id, &Comparison::id);
  return found == under_way_.end() || found->pair.second != from ? nullptr : &*found;
}

// What cannot be sent is not answered either.
template <typename M>
void AntiEntropy::Ask(Comparison& comparison, Step step, const M& message, int64_t now_us) {
  comparison.step = step;
  comparison.deadline_us = now_us + options_.timeout_us;
  peers_.Send(comparison.pair.second, message);
  Wake(comparison.deadline_us);
}

void AntiEntropy::On(NodeId from, const TreeReply& message, Time now) {
  const int64_t now_us = now.monotonic_us;
  Spend(message.digests.size() * sizeof(uint64_t), now_us);
  Comparison* const comparison = Find(from, message.id);
  if (comparison == nullptr) return;
  const MerkleTree* const tree = store_.TreeOf(comparison->pair.first);
  const bool goes_on = message.refusal == Refusal::kNone && tree != nullptr &&
                       message.leaves <= tree->leaves() && message.leaves <= comparison->leaves;
  if (!goes_on) {
    const bool busy = message.refusal == Refusal::kBusy;
    return Finish(*comparison, busy ? End::kNotYet : End::kFailed, now_us);
  }
  if (comparison->step == Step::kRoot) {
    OnBranches(*comparison, message, now_us);
  } else if (comparison->step == Step::kLeaves || comparison->step == Step::kLeavesAgain) {
    OnLeaves(*comparison, message, now_us);
  }
}

void AntiEntropy::OnBranches(Comparison& comparison, const TreeReply& message, int64_t now_us) {
  if (message.digests.empty()) return Finish(comparison, End::kEqual, now_us);
  comparison.leaves = message.leaves;
  const auto own = store_.TreeOf(comparison.pair.first)->Folded(message.leaves).Branches();
  if (own.size() != message.digests.size()) return Finish(comparison, End::kFailed, now_us);
  comparison.branches = Differing(own, message.digests);
  if (comparison.branches.empty()) return Finish(comparison, End::kEqual, now_us);
  AskForBranches(comparison, now_us);
}

void AntiEntropy::AskForBranches(Comparison& comparison, int64_t now_us) {
  const Step step = comparison.step == Step::kConfirm ? Step::kLeavesAgain : Step::kLeaves;
  Ask(comparison, step,
      AskTree{.id = comparison.id,
              .partition = comparison.pair.first,
              .epoch = comparison.epoch,
              .leaves = comparison.leaves,
              .root = 0,
              .branches = comparison.branches},
      now_us);
}

void AntiEntropy::OnLeaves(Comparison& comparison, const TreeReply& message, int64_t now_us) {
  const MerkleTree own = store_.TreeOf(comparison.pair.first)->Folded(comparison.leaves);
  std::vector<LeafNumber> differing;
  std::span<const uint64_t> theirs = message.digests;
  for (const uint32_t branch : comparison.branches) {
    const auto leaves = own.LeavesOf(branch);
    if (theirs.size() < leaves.size()) return Finish(comparison, End::kFailed, now_us);
    for (const uint32_t i : Differing(leaves, theirs.first(leaves.size()))) {
      differing.push_back(branch * kLeavesPerBranch + i);
    }
    theirs = theirs.subspan(leaves.size());
  }
  const bool again = comparison.step == Step::kLeavesAgain;
  comparison.differing = again ? Common(comparison.differing, differing) : differing;
  if (comparison.differing.empty()) return Finish(comparison, End::kEqual, now_us);
  if (again) return AskForKeys(comparison, now_us);
  comparison.step = Step::kConfirm;
  comparison.deadline_us = now_us + options_.confirm_after_us;
  Wake(comparison.deadline_us);
}

void AntiEntropy::AskForKeys(Comparison& comparison, int64_t now_us) {
  const size_t left = comparison.differing.size() - comparison.next_leaf;
  if (left == 0) return Finish(comparison, End::kMadeEqual, now_us);
  const auto first = comparison.differing.begin() + static_cast<ptrdiff_t>(comparison.next_leaf);
  const size_t count = std::min(left, options_.leaves_at_once);
  comparison.chunk.assign(first, first + static_cast<ptrdiff_t>(count));
  comparison.next_leaf += count;
  Ask(comparison, Step::kKeys,
      AskKeys{.id = comparison.id,
              .partition = comparison.pair.first,
              .epoch = comparison.epoch,
              .leaves = comparison.leaves,
              .numbers = comparison.chunk},
      now_us);
}

void AntiEntropy::On(NodeId from, const KeysReply& message, Time now) {
  const int64_t now_us = now.monotonic_us;
  Spend(message.keys.size() * sizeof(KeyDigest), now_us);
  Comparison* const comparison = Find(from, message.id);
  if (comparison == nullptr || comparison->step != Step::kKeys) return;
  const Partition partition = comparison->pair.first;
  auto own = store_.ListLeaves(partition, comparison->leaves, comparison->chunk);
  if (!own || message.refusal != Refusal::kNone) return Finish(*comparison, End::kFailed, now_us);
  comparison->keys = Differing(*std::move(own), message.keys);
  comparison->next_key = 0;
  SwapNext(*comparison, now_us);
}

void AntiEntropy::SwapNext(Comparison& comparison, int64_t now_us) {
  const size_t left = comparison.keys.size() - comparison.next_key;
  if (left == 0) return AskForKeys(comparison, now_us);
  if (now_us < allowed_us_) {
    comparison.step = Step::kPaused;
    comparison.deadline_us = allowed_us_;
    return Wake(allowed_us_);
  }
  const auto first = comparison.keys.begin() + static_cast<ptrdiff_t>(comparison.next_key);
  const size_t count = std::min(left, options_.keys_at_once);
  Swap swap{.id = comparison.id,
            .partition = comparison.pair.first,
            .epoch = comparison.epoch,
            .wanted = {first, first + static_cast<ptrdiff_t>(count)}};
  comparison.next_key += count;
  const auto part = store_.ReadKeys(swap.partition, swap.wanted, kMostSwappedBytes);
  Spend(part.records.size(), now_us);
  Ask(comparison, Step::kSwap, SwapEncoded{swap, part.count, part.records}, now_us);
}

void AntiEntropy::On(NodeId from, const Swapped& message, Time now) {
  Comparison* const comparison = Find(from, message.id);
  if (comparison == nullptr || comparison->step != Step::kSwap) return;
  const bool joins = message.refusal == Refusal::kNone &&
                     store_.IsComplete(comparison->pair.first) &&
                     store_.ActorOf(comparison->pair.first) == comparison->actor &&
                     Join(message.id, message.items, now.unix_ms) == Refusal::kNone;
  if (!joins) return Finish(*comparison, End::kFailed, now.monotonic_us);
  SwapNext(*comparison, now.monotonic_us);
}

// `comparison` may be one of under_way_, which it is then no longer.
void AntiEntropy::Finish(const Comparison& comparison, End end, int64_t now_us) {
  const RequestId id = comparison.id;
  const Pair pair = comparison.pair;
  const uint64_t epoch = comparison.epoch;
  const uint32_t leaves = comparison.leaves;
  std::erase_if(under_way_, [&](const Comparison& other) { return other.id == id; });
  KeepDeletionsOf(pair.first);
  const auto due = due_us_.find(pair);
  const bool agrees = end == End::kEqual || end == End::kMadeEqual;
  if (due != due_us_.end()) {
    const int64_t again_us = end == End::kNotYet ? options_.busy_us : options_.retry_us;
    due->second = now_us + again_us;
    if (agrees) due->second = options_.every_us == 0 ? INT64_MAX : now_us + options_.every_us;
    if (agrees) agreed_us_[pair] = now_us;
  }
  totals_.compared += agrees ? 1 : 0;
  totals_.failed += end == End::kFailed ? 1 : 0;
  totals_.differed += end == End::kMadeEqual ? 1 : 0;
  if (agrees) asked_for_.erase(pair);
  peers_.Send(
      pair.second,
      AskKeys{.id = id, .partition = pair.first, .epoch = epoch, .leaves = leaves, .numbers = {}});
  look_us_ = std::min(look_us_, now_us + options_.step_every_us);
  Wake(look_us_);
}

}  // namespace cartwheel::cluster
