// AntiEntropy as the node that is asked, and what both sides of a comparison do.
#include <algorithm>

#include "cluster/anti_entropy.h"
#include "cluster/read_quorum.h"
#include "cluster/shown_value.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

std::vector<uint64_t> BranchesUnlessSame(const MerkleTree& tree, uint32_t leaves, uint64_t root) {
  return tree.Root() == root ? std::vector<uint64_t>() : tree.Folded(leaves).Branches();
}

std::vector<uint64_t> LeavesOf(const MerkleTree& tree, const std::vector<uint32_t>& branches) {
  std::vector<uint64_t> digests;
  digests.reserve(branches.size() * kLeavesPerBranch);
  for (const uint32_t branch : branches) {
    const auto leaves = tree.LeavesOf(branch);
    digests.insert(digests.end(), leaves.begin(), leaves.end());
  }
  return digests;
}

}  // namespace

// ---- who answers

Refusal AntiEntropy::MayAnswer(NodeId from, Partition partition, uint64_t epoch,
                               RequestId id) const {
  if (epoch != ring_.EpochOf(partition)) return Refusal::kStale;
  if (!ring_.Owns(self_, partition) || !ring_.Owns(from, partition)) return Refusal::kWrongActor;
  if (IsOfRefill(id)) return Refusal::kNone;
  if (ring_.IsMoving(partition)) return Refusal::kStale;
  return store_.IsComplete(partition) ? Refusal::kNone : Refusal::kRebuilding;
}

bool AntiEntropy::IsOpen(NodeId from, Partition partition, RequestId id) const {
  const auto opened = opened_.find({partition, from});
  return opened != opened_.end() && opened->second.id == id;
}

void AntiEntropy::On(NodeId from, const AskTree& message, Time now) {
  TreeReply reply{.id = message.id,
                  .refusal = MayAnswer(from, message.partition, message.epoch, message.id)};
  const MerkleTree* const tree = store_.TreeOf(message.partition);
  const bool begins = message.branches.empty();
  if (reply.refusal == Refusal::kNone) {
    if (tree == nullptr) {
      to_build_.insert(message.partition);
      Wake(now.monotonic_us);
      reply.refusal = Refusal::kBusy;
    } else if (!begins && !IsOpen(from, message.partition, message.id)) {
      reply.refusal = Refusal::kBusy;
    }
  }
  const bool same = reply.refusal == Refusal::kNone && begins && tree->Root() == message.root;
  if (same) Same(from, message);
  if (reply.refusal == Refusal::kNone && begins && !same) {
    const int64_t until_us = now.monotonic_us + options_.open_for_us;
    const Pair pair{message.partition, from};
    opened_[pair] = {.id = message.id,
                     .until_us = until_us,
                     .epoch = message.epoch,
                     .peer_actor = message.actor,
                     .equal = true,
                     .word = IsOfRefill(message.id) ? std::nullopt : NewsOf(pair)};
    KeepDeletionsOf(message.partition);
    Wake(until_us);
  }
  if (reply.refusal == Refusal::kNone) {
    reply.actor = store_.ActorOf(message.partition);
    reply.leaves = std::min(message.leaves, tree->leaves());
    reply.digests = begins ? BranchesUnlessSame(*tree, reply.leaves, message.root)
                           : LeavesOf(tree->Folded(reply.leaves), message.branches);
  }
  Spend(reply.digests.size() * sizeof(uint64_t), now.monotonic_us);
  peers_.Send(from, reply);
}

// It is over before it has begun.
void AntiEntropy::Same(NodeId from, const AskTree& message) {
  if (IsOfRefill(message.id)) return;
  const auto word = NewsOf({message.partition, from});
  if (word && word->actor == message.actor) {
    store_.JoinReceived(message.partition, word->received);
  }
}

void AntiEntropy::On(NodeId from, const AskKeys& message, Time now) {
  const Pair pair{message.partition, from};
  const bool is_open = IsOpen(from, message.partition, message.id);
  if (message.numbers.empty()) {
    if (!is_open) return;
    const Opened opened = opened_[pair];
    Close(pair);
    const bool joins =
        message.equal && opened.equal && opened.word && opened.word->actor == opened.peer_actor &&
        MayAnswer(from, message.partition, message.epoch, message.id) == Refusal::kNone;
    if (joins) store_.JoinReceived(message.partition, opened.word->received);
    return;
  }
  KeysReply reply{.id = message.id,
                  .refusal = MayAnswer(from, message.partition, message.epoch, message.id)};
  const MerkleTree* const tree = store_.TreeOf(message.partition);
  const bool fits = tree != nullptr && message.leaves <= tree->leaves() &&
                    message.numbers.back() < message.leaves;
  if (reply.refusal == Refusal::kNone && (!is_open || !fits)) reply.refusal = Refusal::kBusy;
  if (reply.refusal == Refusal::kNone) {
    auto keys = store_.ListLeaves(message.partition, message.leaves, message.numbers);
    if (keys) {
      reply.keys = *std::move(keys);
    } else {
      reply.refusal = Refusal::kBusy;
    }
  }
  Spend(reply.keys.size() * kListedBytes, now.monotonic_us);
  peers_.Send(from, reply);
}

void AntiEntropy::On(NodeId from, const Swap& message, Time now) {
  Swapped reply{.id = message.id,
                .refusal = MayAnswer(from, message.partition, message.epoch, message.id)};
  const bool is_open = IsOpen(from, message.partition, message.id);
  const bool is_of_it = std::ranges::all_of(message.items, [&](const Fetched::Item& item) {
    return PartitionOfKey(item.ref.key) == message.partition;
  });
  if (reply.refusal == Refusal::kNone && !(is_open && is_of_it)) {
    reply.refusal = Refusal::kBusy;
  }
  if (reply.refusal == Refusal::kNone) {
    const auto gone =
        IsOfRefill(message.id) ? std::optional(LocalStore::Gone::kWasRemoved) : std::nullopt;
    const Joined joined = Join(gone, message.items, now.unix_ms);
    reply.refusal = joined.refusal;
    Opened& opened = opened_[{message.partition, from}];
    opened.equal = opened.equal && joined.equal && joined.refusal == Refusal::kNone;
  }
  LocalStore::Part part;
  if (reply.refusal == Refusal::kNone) {
    part = store_.ReadKeys(message.partition, message.wanted, kMostSwappedBytes);
  }
  Spend(part.records.size(), now.monotonic_us);
  peers_.Send(from, SwappedEncoded{reply, part.count, part.records});
}

// ---- both

LocalStore::Gone AntiEntropy::WhatIsGone(const Container& theirs) const {
  const EvictionPolicy policy = options_.eviction_policy;
  const bool may_go = policy != EvictionPolicy::kNoEviction &&
                      (!TakesOnlyWhatExpires(policy) || GoneAt(theirs) != kNoExpiry);
  return may_go ? LocalStore::Gone::kWasRemoved : LocalStore::Gone::kIsRestored;
}

// `gone`: of all; without it, what the policy says of each.
AntiEntropy::Joined AntiEntropy::Join(std::optional<LocalStore::Gone> gone,
                                      const std::vector<Fetched::Item>& items, int64_t now_ms) {
  Joined all;
  for (const auto& [ref, container] : items) {
    const auto joined = store_.Reconcile(ref, container, DotsShownBy(container),
                                         gone.value_or(WhatIsGone(container)), now_ms);
    if (!joined) return {.refusal = joined.error(), .equal = false};
    all.equal = all.equal && joined->equal;
    totals_.changed += joined->changed ? 1 : 0;
    totals_.restored += joined->restored ? 1 : 0;
  }
  return all;
}

void AntiEntropy::KeepDeletionsOf(Partition partition) {
  const bool begun = std::ranges::any_of(
      under_way_, [&](const Comparison& comparison) { return comparison.pair.first == partition; });
  store_.KeepDeletions(partition, begun || IsOpenToAny(partition));
}

bool AntiEntropy::IsOpenToAny(Partition partition) const {
  const auto first = opened_.lower_bound({partition, kNoNode});
  return first != opened_.end() && first->first.first == partition;
}

void AntiEntropy::Close(const Pair& pair) {
  opened_.erase(pair);
  KeepDeletionsOf(pair.first);
}

void AntiEntropy::Spend(uint64_t bytes, int64_t now_us) {
  totals_.bytes += bytes;
  if (options_.max_bytes_per_second == 0) return;
  const auto takes_us = static_cast<int64_t>(bytes * kSecondUs / options_.max_bytes_per_second);
  allowed_us_ = std::max(allowed_us_, now_us) + takes_us;
}

}  // namespace cartwheel::cluster
