#include "cluster/retire.h"

#include <algorithm>
#include <utility>

#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

constexpr size_t kHintsPerStep = 64;

}  // namespace

void Retire::RingChanged(int64_t now_us) {
  left_.clear();
  asked_.clear();
  looks_ = true;
  for (const auto& [target, waiting] : store_.hints().waiting()) to_redirect_[target].clear();
  next_us_ = now_us;
}

bool Retire::IsDrained() const {
  return !looks_ && left_.empty() && store_.hints().waiting().empty();
}

bool Retire::OnTime(Time now) {
  if (!in_cluster_ || now.monotonic_us < next_us_) return false;
  if (looks_) Look();
  const bool redirected = Redirect(now);
  const bool walked = WalkNext(now);
  const bool busy = !left_.empty() || !to_redirect_.empty();
  next_us_ = busy ? now.monotonic_us + options_.step_every_us : INT64_MAX;
  return redirected || walked;
}

// Records of others come here as hints only, but for those that were here when the ring changed.
void Retire::Look() {
  looks_ = false;
  // While partitions move the ring changes often, and each look into the store takes microseconds:
  // none into what this node owns.
  for (size_t next = 0; next < kPartitions; ++next) {
    const auto partition = static_cast<Partition>(next);
    if (ring_.Owns(self_, partition)) continue;
    const auto found = store_.NextWithRecords(partition);
    if (!found) break;
    if (!ring_.Owns(self_, *found)) left_.try_emplace(*found);
    next = *found;
  }
}

// ---- records

bool Retire::WalkNext(Time now) {
  bool changed = false;
  for (auto at = left_.begin(); at != left_.end();) {
    const Partition partition = at->first;
    const bool is_ready = AskOwners(partition, at->second, now.monotonic_us);
    if (!is_ready) {
      ++at;
      continue;
    }
    changed = Walk(partition, at->second, now);
    if (at->second.after.empty()) left_.erase(at);
    break;  // a step is one partition's
  }
  return changed;
}

// True: all of them have answered. Of a partition that is on its way somewhere nobody is asked:
// where it goes may come to nothing.
bool Retire::AskOwners(Partition partition, Left& left, int64_t now_us) {
  if (ring_.IsMoving(partition)) return false;
  const auto owners = ring_.OwnersOf(partition);
  const bool all =
      std::ranges::all_of(owners, [&left](NodeId owner) { return left.words.contains(owner); });
  if (all) return true;
  if (left.asked_us != 0 && now_us - left.asked_us < options_.retry_us) return false;
  left.asked_us = now_us;
  for (const NodeId owner : owners) {
    if (left.words.contains(owner)) continue;
    const RequestId id{kIdBit | next_id_++};
    const AskWord question{.id = id, .partition = partition, .epoch = ring_.EpochOf(partition)};
    if (peers_.Send(owner, question)) asked_[id] = partition;
  }
  return false;
}

void Retire::On(NodeId from, const Fetched& message, int64_t now_us) {
  const auto found = asked_.find(message.id);
  if (found == asked_.end()) return;
  const auto left = left_.find(found->second);
  asked_.erase(found);
  // One that rebuilds may yet lose what it has received.
  if (left == left_.end() || message.refusal != Refusal::kNone || message.word.rebuilding) return;
  left->second.words[from] = message.word.received;
  next_us_ = std::min(next_us_, now_us);
}

bool Retire::Walk(Partition partition, Left& left, Time now) {
  std::vector<LocalStore::OwnerReceived> owners;
  for (const NodeId owner : ring_.OwnersOf(partition)) {
    owners.push_back({owner, left.words.at(owner)});
  }
  const auto released =
      store_.Release(partition, owners, options_.walks_records, left.after, now.unix_ms);
  return released.deleted + released.owed > 0;
}

// ---- hints

bool Retire::Redirect(Time now) {
  if (to_redirect_.empty()) return false;
  const NodeId target = to_redirect_.begin()->first;
  return RedirectHintsOf(target, now);
}

bool Retire::RedirectHintsOf(NodeId target, Time now) {
  std::string& after = to_redirect_.at(target);
  const std::vector<Hint> hints = store_.hints().Next(target, after, kHintsPerStep);
  if (hints.empty()) {
    to_redirect_.erase(target);
    return false;
  }
  bool changed = false;
  after = hints.back().store_key;
  for (const Hint& hint : hints) {
    const auto parts = DecodeStoreKey(hint.store_key);
    if (!parts || ring_.Owns(target, PartitionOf(parts->slot))) continue;
    for (const NodeId owner : ring_.OwnersOf(PartitionOf(parts->slot))) {
      if (owner != self_) store_.hints().Add(owner, hint.store_key, hint.dots, now.unix_ms);
    }
    store_.hints().Drop(target, hint.store_key);
    changed = true;
  }
  return changed;
}

}  // namespace cartwheel::cluster
