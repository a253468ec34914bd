#include "cluster/anti_entropy.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace cartwheel::cluster {
namespace {

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

// ---- who begins

void AntiEntropy::BeginAt(const Pair& pair, const Source* source, int64_t now_us) {
  const auto& [partition, peer] = pair;
  singly_.erase(pair);
  const MerkleTree& tree = *store_.TreeOf(partition);
  const bool of_refill = source != nullptr;
  Comparison comparison{.id = RequestId{next_id_++ | (of_refill ? kOfRefillBit : 0)},
                        .pair = pair,
                        .epoch = ring_.EpochOf(partition),
                        .actor = store_.ActorOf(partition),
                        .of_refill = of_refill,
                        .peer_rebuilds = of_refill && source->rebuilds,
                        .word = of_refill ? std::nullopt : NewsOf(pair),
                        .leaves = tree.leaves()};
  under_way_.push_back(std::move(comparison));
  KeepDeletionsOf(partition);
  Comparison& begun = under_way_.back();
  Ask(begun, Step::kRoot,
      AskTree{.id = begun.id,
              .partition = partition,
              .epoch = begun.epoch,
              .actor = begun.actor,
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
  if (comparison->step == Step::kRoot) comparison->peer_actor = message.actor;
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
              .actor = comparison.actor,
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
  // What is on its way does no harm to one that rebuilds.
  if (again || comparison.of_refill) return AskForKeys(comparison, now_us);
  comparison.step = Step::kConfirm;
  comparison.deadline_us = now_us + options_.confirm_after_us;
  Wake(comparison.deadline_us);
}

void AntiEntropy::AskForKeys(Comparison& comparison, int64_t now_us) {
  const size_t left = comparison.differing.size() - comparison.next_leaf;
  if (left == 0) return Finish(comparison, End::kMadeEqual, now_us);
  if (now_us < allowed_us_) return Pause(comparison);
  const auto first = comparison.differing.begin() + static_cast<ptrdiff_t>(comparison.next_leaf);
  const size_t count = std::min(left, options_.leaves_at_once);
  comparison.chunk.assign(first, first + static_cast<ptrdiff_t>(count));
  comparison.next_leaf += count;
  Ask(comparison, Step::kKeys,
      AskKeys{.id = comparison.id,
              .partition = comparison.pair.first,
              .epoch = comparison.epoch,
              .leaves = comparison.leaves,
              .equal = false,
              .numbers = comparison.chunk},
      now_us);
}

void AntiEntropy::On(NodeId from, const KeysReply& message, Time now) {
  const int64_t now_us = now.monotonic_us;
  Spend(message.keys.size() * kListedBytes, now_us);
  Comparison* const comparison = Find(from, message.id);
  if (comparison == nullptr || comparison->step != Step::kKeys) return;
  const Partition partition = comparison->pair.first;
  auto own = store_.ListLeaves(partition, comparison->leaves, comparison->chunk);
  if (!own || message.refusal != Refusal::kNone) return Finish(*comparison, End::kFailed, now_us);
  comparison->keys = Differing(*std::move(own), message.keys);
  comparison->next_key = 0;
  SwapNext(*comparison, now_us);
}

void AntiEntropy::Pause(Comparison& comparison) {
  comparison.step = Step::kPaused;
  comparison.deadline_us = allowed_us_;
  Wake(allowed_us_);
}

void AntiEntropy::SwapNext(Comparison& comparison, int64_t now_us) {
  const size_t left = comparison.keys.size() - comparison.next_key;
  if (left == 0) return AskForKeys(comparison, now_us);
  if (now_us < allowed_us_) return Pause(comparison);
  const auto first = comparison.keys.begin() + static_cast<ptrdiff_t>(comparison.next_key);
  const size_t count = std::min(left, options_.keys_at_once);
  Swap swap{.id = comparison.id,
            .partition = comparison.pair.first,
            .epoch = comparison.epoch,
            .wanted = {first, first + static_cast<ptrdiff_t>(count)}};
  comparison.next_key += count;
  comparison.wanted = swap.wanted;
  const auto part = store_.ReadKeys(swap.partition, swap.wanted, kMostSwappedBytes);
  Spend(part.records.size(), now_us);
  Ask(comparison, Step::kSwap, SwapEncoded{swap, part.count, part.records}, now_us);
}

void AntiEntropy::On(NodeId from, const Swapped& message, Time now) {
  Comparison* const comparison = Find(from, message.id);
  if (comparison == nullptr || comparison->step != Step::kSwap) return;
  const Partition partition = comparison->pair.first;
  const bool may_join = message.refusal == Refusal::kNone &&
                        store_.IsComplete(partition) != comparison->of_refill &&
                        store_.ActorOf(partition) == comparison->actor;
  if (!may_join) return Finish(*comparison, End::kFailed, now.monotonic_us);
  const bool of_refill = comparison->of_refill;
  std::optional<LocalStore::Gone> gone;
  if (of_refill && comparison->peer_rebuilds) gone = LocalStore::Gone::kWasRemoved;
  if (of_refill && !comparison->peer_rebuilds) gone = LocalStore::Gone::kIsRestored;
  const Joined joined = Join(gone, message.items, now.unix_ms);
  if (joined.refusal != Refusal::kNone) {
    return Finish(*comparison, End::kFailed, now.monotonic_us);
  }
  comparison->equal = comparison->equal && joined.equal && AllCame(*comparison, message.items);
  SwapNext(*comparison, now.monotonic_us);
}

// What was too much for one message, or went meanwhile, has not come.
bool AntiEntropy::AllCame(const Comparison& comparison, const std::vector<Fetched::Item>& items) {
  std::vector<uint64_t> ids;
  std::string store_key;
  for (const auto& [ref, container] : items) {
    EncodeStoreKey(ref, store_key);
    ids.push_back(KeyIdOf(store_key));
  }
  std::ranges::sort(ids);
  return std::ranges::includes(ids, comparison.wanted);
}

// `ended` may be one of under_way_, which it is then no longer.
void AntiEntropy::Finish(const Comparison& ended, End end, int64_t now_us) {
  Comparison comparison = ended;
  const Pair pair = comparison.pair;
  std::erase_if(under_way_, [&](const Comparison& other) { return other.id == comparison.id; });
  KeepDeletionsOf(pair.first);
  const bool agrees = end == End::kEqual || end == End::kMadeEqual;
  const bool equal = agrees && comparison.equal;
  if (comparison.of_refill) {
    const auto source = sources_.find(pair);
    constexpr int64_t kSooner = 10;  // than where nobody waits for it
    const int64_t again_us = end == End::kFailed ? options_.retry_us : options_.busy_us;
    if (source != sources_.end()) source->second.due_us = now_us + again_us / kSooner;
  }
  if (equal) {
    const bool is_same = comparison.word && comparison.word->actor == comparison.peer_actor;
    ended_.push_back(
        {pair, comparison.of_refill, is_same ? std::move(comparison.word) : std::nullopt});
  }
  totals_.failed += end == End::kFailed ? 1 : 0;
  totals_.differed += end == End::kMadeEqual ? 1 : 0;
  const auto due = comparison.of_refill ? due_us_.end() : due_us_.find(pair);
  if (due == due_us_.end()) {
    totals_.compared += agrees ? 1 : 0;
  } else if (agrees) {
    NoteAgreed(pair, now_us);
  } else {
    due->second = now_us + (end == End::kNotYet ? options_.busy_us : options_.retry_us);
  }
  look_us_ = std::min(look_us_, now_us + options_.step_every_us);
  Wake(look_us_);
  // The other knows that the roots are the same.
  if (end == End::kEqual && comparison.step == Step::kRoot) return;
  peers_.Send(pair.second, AskKeys{.id = comparison.id,
                                   .partition = pair.first,
                                   .epoch = comparison.epoch,
                                   .leaves = comparison.leaves,
                                   .equal = equal && !comparison.of_refill,
                                   .numbers = {}});
}

}  // namespace cartwheel::cluster
