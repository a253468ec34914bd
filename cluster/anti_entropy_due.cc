// AntiEntropy as far as it goes about when which pair compares.
#include <algorithm>
#include <utility>

#include "cluster/anti_entropy.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

}  // namespace

void AntiEntropy::RingChanged(const PartitionSet& changed, int64_t now_us) {
  for (size_t i = 0; i < kPartitions; ++i) {
    if (changed[i] || !knows_ring_) TakeOwners(static_cast<Partition>(i), now_us);
  }
  knows_ring_ = true;
  // Of what has changed they speak under another epoch from here on.
  const auto is_old = [this](Partition partition, uint64_t epoch) {
    return !ring_.Owns(self_, partition) || epoch != ring_.EpochOf(partition);
  };
  for (const Comparison& comparison : std::vector<Comparison>(under_way_)) {
    if (!is_old(comparison.pair.first, comparison.epoch)) continue;
    Finish(comparison, End::kFailed, now_us);
  }
  for (const auto& [pair, opened] : std::map(opened_)) {
    if (is_old(pair.first, opened.epoch)) Close(pair);
  }
  look_us_ = now_us;
  Wake(now_us);
}

// When a pair was due, or was found the same, stays as it is, as long as both are owners.
void AntiEntropy::TakeOwners(Partition partition, int64_t now_us) {
  const bool owns = ring_.Owns(self_, partition);
  if (!owns) {
    store_.DropTree(partition);
    to_build_.erase(partition);
  }
  const auto owners = ring_.OwnersOf(partition);
  for (auto at = due_us_.lower_bound({partition, kNoNode});
       at != due_us_.end() && at->first.first == partition;) {
    const Pair pair = at->first;
    if (owns && std::ranges::find(owners, pair.second) != owners.end()) {
      ++at;
      continue;
    }
    at = due_us_.erase(at);
    agreed_us_.erase(pair);
    asked_for_.erase(pair);
    singly_.erase(pair);
  }
  if (!owns) return;
  const int64_t due_us = FirstDue(partition, now_us);
  for (const NodeId node : owners) {
    if (node != self_) due_us_.try_emplace({partition, node}, due_us);
  }
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

void AntiEntropy::SetScrubEvery(int64_t every_us, int64_t now_us) {
  if (options_.scrub_every_us == every_us && scrub_us_ != INT64_MAX) return;
  options_.scrub_every_us = every_us;
  scrub_us_ = every_us == 0 ? INT64_MAX : now_us + every_us / kPartitions;
  Wake(scrub_us_);
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
  std::erase_if(questions_, [peer](const auto& each) { return each.second.peer == peer; });
  std::erase_if(asked_same_, [peer](const Pair& pair) { return pair.second == peer; });
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

void AntiEntropy::SetSources(std::span<const Refill::ToCompare> sources, int64_t now_us) {
  if (sources.empty() && sources_.empty()) return;
  std::map<Pair, Source> wanted;
  for (const auto& [partition, source, is_complete] : sources) {
    const Pair pair{partition, source};
    const auto before = sources_.find(pair);
    const int64_t due_us = before == sources_.end() ? now_us : before->second.due_us;
    if (before == sources_.end()) look_us_ = now_us;
    wanted[pair] = {.rebuilds = !is_complete, .due_us = due_us};
  }
  sources_ = std::move(wanted);
  Wake(look_us_);
}

// Something is gone here, or the copy was late: cheap to find out.
void AntiEntropy::CompareDoubted(int64_t now_us) {
  for (const Partition partition : store_.TakeDoubted()) {
    if (options_.every_us == 0) continue;
    for (auto at = due_us_.lower_bound({partition, kNoNode}); at != due_us_.end(); ++at) {
      if (at->first.first != partition) break;
      const auto agreed = agreed_us_.find(at->first);
      const bool never = agreed == agreed_us_.end();
      const int64_t soon_us = never ? now_us : agreed->second + options_.doubted_us;
      CompareAt(at->first, std::max(now_us, soon_us));
    }
  }
}

// A write that another owner said it has, and that is not here after all this time, is on its way
// no more: who had it to send was killed, or lost it.
void AntiEntropy::CompareWhereGapsAre(int64_t now_us) {
  if (options_.every_us == 0) return;
  if (now_us >= look_for_gaps_us_) {
    look_for_gaps_us_ = now_us + options_.gap_after_us;
    std::map<Pair, OwnerWord> lacking;
    for (const auto& [pair, due_us] : due_us_) {
      std::optional<OwnerWord> news = NewsOf(pair);
      if (!news || !store_.IsComplete(pair.first)) continue;
      const auto before = lacking_.find(pair);
      const bool is_gap = before != lacking_.end() && before->second.actor == news->actor &&
                          !store_.VnodeOf(pair.first).received.Includes(before->second.received);
      is_gap ? CompareAt(pair, now_us) : void(lacking[pair] = *std::move(news));
    }
    lacking_ = std::move(lacking);
  }
  Wake(look_for_gaps_us_);
}

void AntiEntropy::CompareAt(const Pair& pair, int64_t at_us) {
  int64_t& due_us = due_us_.at(pair);
  due_us = std::min(due_us, at_us);
  asked_for_.insert(pair);
  look_us_ = std::min(look_us_, due_us);
  Wake(look_us_);
}

// Before the commit of what was joined last, nothing else may count as received.
void AntiEntropy::Committed(bool committed, int64_t now_us) {
  if (committed) {
    kept_.insert(kept_.end(), ended_.begin(), ended_.end());
    ended_.clear();
    if (!kept_.empty()) Wake(now_us);
    return;
  }
  // What was joined, and said, in this turn has been taken back.
  for (const Ended& ended : std::exchange(ended_, {})) {
    const auto due = due_us_.find(ended.pair);
    if (due != due_us_.end()) due->second = now_us + options_.retry_us;
    agreed_us_.erase(ended.pair);
  }
  for (const Comparison& comparison : std::vector<Comparison>(under_way_)) {
    Finish(comparison, End::kFailed, now_us);
  }
  for (const auto& [pair, opened] : std::map(opened_)) Close(pair);
  questions_.clear();
  asked_same_.clear();
}

bool AntiEntropy::JoinEnded() {
  bool changed = false;
  for (const Ended& ended : std::exchange(kept_, {})) {
    if (ended.of_refill) compared_.push_back(ended.pair);
    if (!ended.word || !store_.IsComplete(ended.pair.first)) continue;
    store_.JoinReceived(ended.pair.first, ended.word->received);
    changed = true;
  }
  return changed;
}

bool AntiEntropy::OnTime(Time now) {
  const int64_t now_us = now.monotonic_us;
  CompareDoubted(now_us);
  if (now_us < next_us_) return false;
  next_us_ = INT64_MAX;
  if (!knows_ring_) RingChanged(PartitionSet().set(), now_us);
  if (scrub_us_ == INT64_MAX) SetScrubEvery(options_.scrub_every_us, now_us);
  const bool changed = JoinEnded();
  CompareWhereGapsAre(now_us);
  GoOn(now_us);
  DropLateQuestions(now_us);
  for (const auto& [pair, opened] : std::map(opened_)) {
    if (now_us >= opened.until_us) Close(pair);
  }
  Scrub(now_us);
  BuildTrees();
  BeginWithSources(now_us);
  BeginDue(now_us);
  for (const Comparison& comparison : under_way_) Wake(comparison.deadline_us);
  for (const auto& [pair, opened] : opened_) Wake(opened.until_us);
  for (const auto& [id, question] : questions_) Wake(question.deadline_us);
  if (!to_build_.empty()) Wake(now_us + options_.build_every_us);
  Wake(look_us_);
  Wake(scrub_us_);
  return changed;
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
    if (owns && !store_.BuildTree(partition, records)) continue;
    to_build_.erase(partition);
    totals_.scrubbed += scrubbed_.erase(partition);
  }
}

// The next partition whose tree is there, unless it is just being compared: then the one behind it.
void AntiEntropy::Scrub(int64_t now_us) {
  if (now_us < scrub_us_) return;
  scrub_us_ = now_us + options_.scrub_every_us / kPartitions;
  for (size_t i = 0; i < kPartitions; ++i) {
    const Partition partition = next_scrubbed_;
    next_scrubbed_ = static_cast<Partition>((partition + 1) % kPartitions);
    const bool is_busy = !IsFree({partition, kNoNode}) || IsOpenToAny(partition);
    if (store_.TreeOf(partition) == nullptr || is_busy) continue;
    store_.DropTree(partition);
    to_build_.insert(partition);
    scrubbed_.insert(partition);
    return;
  }
}

// Those whose trees are not there are begun meanwhile. With what is due goes what soon will be.
void AntiEntropy::BeginDue(int64_t now_us) {
  if (now_us < look_us_) return;
  const size_t most_to_build = options_.builds_partitions;
  look_us_ = now_us + kSecondUs;
  if (now_us < allowed_us_) {
    look_us_ = allowed_us_;
    return;
  }
  std::map<NodeId, SameRoots> gathered;
  auto at = due_us_.upper_bound(last_begun_);
  for (size_t left = due_us_.size(); left > 0 && HasRoom(); --left) {
    if (at == due_us_.end()) at = due_us_.begin();
    const auto& [pair, due_us] = *at++;
    const bool goes_along = gathered.contains(pair.second);
    const int64_t until_us = now_us + (goes_along ? options_.every_us / options_.ahead_part : 0);
    if (due_us > until_us || !MayBegin(pair)) continue;
    look_us_ = now_us + options_.step_every_us;
    if (!HasTree(pair.first, now_us)) {
      if (to_build_.size() >= most_to_build) break;
      continue;
    }
    if (singly_.contains(pair) || NewsOf(pair)) {
      if (due_us > now_us) continue;
      last_begun_ = pair;
      BeginAt(pair, nullptr, now_us);
      continue;
    }
    auto& roots = gathered[pair.second].roots;
    if (roots.size() >= options_.roots_at_once) continue;
    last_begun_ = pair;
    const auto& [partition, peer] = pair;
    roots.push_back({.partition = partition,
                     .epoch = ring_.EpochOf(partition),
                     .root = store_.TreeOf(partition)->Root()});
  }
  AskForSame(gathered, now_us);
}

// Clients that read wait for them, in a way: until then the replica counts to no R.
void AntiEntropy::BeginWithSources(int64_t now_us) {
  for (auto& [pair, source] : sources_) {
    if (!HasRoom()) return;
    Wake(std::max(source.due_us, now_us + options_.step_every_us));
    if (now_us < source.due_us || !IsFree(pair) || !peers_.HasRoom(pair.second)) continue;
    if (!ring_.Owns(self_, pair.first) || store_.IsComplete(pair.first)) continue;
    if (HasTree(pair.first, now_us)) BeginAt(pair, &source, now_us);
  }
}

// One that is not there is begun.
bool AntiEntropy::HasTree(Partition partition, int64_t now_us) {
  if (store_.TreeOf(partition) != nullptr) return true;
  to_build_.insert(partition);
  Wake(now_us + options_.build_every_us);
  return false;
}

// Who only lets time pass needs nothing meanwhile.
bool AntiEntropy::HasRoom() const {
  const auto busy = std::ranges::count_if(
      under_way_, [](const Comparison& comparison) { return !comparison.waits(); });
  return static_cast<size_t>(busy) + questions_.size() < options_.at_once &&
         under_way_.size() < options_.most;
}

bool AntiEntropy::IsFree(const Pair& pair) const {
  return std::ranges::none_of(
      under_way_, [&](const Comparison& other) { return other.pair.first == pair.first; });
}

bool AntiEntropy::MayBegin(const Pair& pair) const {
  const auto& [partition, peer] = pair;
  const bool is_mine = self_ < peer || asked_for_.contains(pair);
  return is_mine && IsFree(pair) && !asked_same_.contains(pair) && !ring_.IsMoving(partition) &&
         store_.IsComplete(partition) && peers_.HasRoom(peer);
}

// Told before the comparison begins, so that what it had done by then is seen in it.
std::optional<OwnerWord> AntiEntropy::NewsOf(const Pair& pair) {
  const OwnerWord* const word = forgetting_.LastWordOf(pair.first, pair.second);
  if (word == nullptr || word->rebuilding) return std::nullopt;
  if (store_.VnodeOf(pair.first).received.Includes(word->received)) return std::nullopt;
  return *word;
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

}  // namespace cartwheel::cluster
