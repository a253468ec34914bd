#include "cluster/refill.h"

#include <algorithm>
#include <utility>

#include "cluster/any_record.h"
#include "cluster/node_name.h"
#include "cluster/read_quorum.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

// 0: there is no limit.
int64_t CostUs(uint64_t bytes, uint64_t bytes_per_second) {
  if (bytes_per_second == 0) return 0;
  return static_cast<int64_t>(bytes * kSecondUs / bytes_per_second);
}

}  // namespace

// ---- what is to be brought

void Refill::RingChanged(int64_t now_us) {
  look_us_ = now_us;
  Wake(now_us);
}

// A pass goes on under other owners if its source is still one: what it had received it still has.
bool Refill::FindJobs(int64_t now_us) {
  bool changed = false;
  coming_.clear();
  for (size_t i = 0; i < kPartitions; ++i) {
    const auto partition = static_cast<Partition>(i);
    if (ring_.IsPreparedFor(self_, partition)) coming_.push_back(partition);
    if (!ring_.Owns(self_, partition) || store_.IsComplete(partition)) {
      begun_.erase(partition);
      jobs_.erase(partition);
      continue;
    }
    if (!ring_.IsMoving(partition) && SourcesOf(partition).empty()) {
      store_.MarkComplete(partition);  // nobody else has anything
      changed = true;
      continue;
    }
    const auto [job, is_new] = jobs_.try_emplace(partition);
    if (is_new) job->second.since_us = now_us;
    if (is_new) job->second.epoch = ring_.EpochOf(partition);
    // Whom it waited for may be gone by now.
    if (!job->second.pass && HasEnough(partition, job->second)) {
      store_.MarkComplete(partition);
      jobs_.erase(job);
      changed = true;
      continue;
    }
    if (!job->second.pass || job->second.epoch == ring_.EpochOf(partition)) continue;
    job->second.epoch = ring_.EpochOf(partition);
    const auto sources = SourcesOf(partition);
    if (std::ranges::find(sources, job->second.pass->source) == sources.end()) {
      EndPass(partition, job->second);
    } else {
      asked_.erase(std::exchange(job->second.pass->id, {}));  // under the owners before
    }
  }
  look_us_ = now_us + options_.look_every_us;
  return changed;
}

// The owners before a move, as they have all there is; of what does not move the other owners.
// Those who go come first: they have to be gone through.
std::vector<NodeId> Refill::SourcesOf(Partition partition) const {
  std::vector<NodeId> sources;
  const auto holders = ring_.HoldersOf(partition);
  for (size_t i = 0; i < holders.size(); ++i) {
    const uint8_t quorums = ring_.QuorumsOf(partition, i);
    if ((quorums & kOfOwners) == 0 || holders[i] == self_) continue;
    const bool goes = ring_.IsMoving(partition) && quorums == kOfOwners;
    sources.insert(goes ? sources.begin() : sources.end(), holders[i]);
  }
  return sources;
}

bool Refill::HasEnough(Partition partition, const Job& job) const {
  const std::vector<NodeId> sources = SourcesOf(partition);
  const auto has_passed = [&job](NodeId node) {
    return job.passed.contains(node) || job.doubted.contains(node);
  };
  // What those alone had who are gone is not waited for, neither here nor below.
  const bool is_all_there_is = std::ranges::all_of(
      sources, [&](NodeId node) { return has_passed(node) || ring_.IsGone(node); });
  if (is_all_there_is) return true;
  for (const NodeId node : ring_.DeparturesOf(partition)) {
    if (node != self_ && !ring_.IsGone(node) && !has_passed(node)) return false;
  }
  const auto holders = ring_.HoldersOf(partition);
  size_t owners = 0;
  for (size_t i = 0; i < holders.size(); ++i) {
    owners += (ring_.QuorumsOf(partition, i) & kOfOwners) != 0 ? 1 : 0;
  }
  const size_t needed = owners - options_.levels.Over(owners).w + 1;
  const auto passed =
      std::ranges::count_if(sources, [&job](NodeId node) { return job.passed.contains(node); });
  return static_cast<size_t>(passed) >= needed;
}

// ---- time

bool Refill::OnTime(int64_t now_us) {
  if (now_us < next_us_) return false;
  next_us_ = now_us + options_.look_every_us;
  const bool found = now_us >= look_us_ && FindJobs(now_us);
  const bool finished = FinishPasses();
  AskNext(now_us);
  return found || finished;
}

// In the turn behind the one whose commit made all of a pass durable.
bool Refill::FinishPasses() {
  bool changed = false;
  std::vector<Partition> completed;
  for (const Partition partition : std::vector<Partition>(begun_.begin(), begun_.end())) {
    Job& job = jobs_.at(partition);
    if (!job.pass->kept || MustCompare(partition, *job.pass)) continue;
    const RefillPass pass = std::move(*job.pass);
    EndPass(partition, job);
    store_.JoinReceived(partition, pass.word->received);
    (pass.word->rebuilding ? job.doubted : job.passed).insert(pass.source);
    changed = true;
    if (!HasEnough(partition, job)) continue;
    store_.MarkComplete(partition);
    completed.push_back(partition);
  }
  for (const Partition partition : completed) jobs_.erase(partition);
  return changed;
}

// Whatever was removed and forgotten since had been received by every owner. So where all that the
// source has received came here in its own time, with what it did to the records, nothing is stale.
bool Refill::MustCompare(Partition partition, const RefillPass& pass) {
  if (pass.compared || !store_.HoldsEarlierRecords(partition)) return false;
  if (IsPlanted(Mutation::kKeepsRemoved)) return false;
  return !store_.VnodeOf(partition).received.Includes(pass.word->received);
}

std::vector<Refill::ToCompare> Refill::ToCompareWith() {
  std::vector<ToCompare> all;
  for (const Partition partition : begun_) {
    const RefillPass& pass = *jobs_.at(partition).pass;
    if (!pass.kept || !MustCompare(partition, pass)) continue;
    all.push_back({partition, pass.source, !pass.word->rebuilding});
  }
  return all;
}

void Refill::Compared(Partition partition, NodeId source, int64_t now_us) {
  if (!begun_.contains(partition)) return;
  RefillPass& pass = *jobs_.at(partition).pass;
  if (pass.source != source || !pass.kept) return;
  pass.compared = true;
  Wake(now_us);
}

void Refill::EndPass(Partition partition, Job& job) {
  asked_.erase(job.pass->id);
  job.pass.reset();
  begun_.erase(partition);
}

void Refill::AskNext(int64_t now_us) {
  size_t streams = 0;
  const std::vector<Partition> begun(begun_.begin(), begun_.end());
  for (const Partition partition : begun) {
    Job& job = jobs_.at(partition);
    if (job.pass->id == RequestId{}) continue;
    if (now_us - job.pass->asked_us < options_.timeout_us) {
      ++streams;
      Wake(job.pass->asked_us + options_.timeout_us);
    } else {
      Fail(partition, "the member " + Text(job.pass->source) + " does not answer", job, now_us);
    }
  }
  if (streams >= options_.streams || jobs_.empty()) return;
  const bool must_wait = store_.engine().WritesMustWait();
  const int64_t allowed_us = must_wait ? now_us + options_.retry_us / 10 : WhenAllowed(now_us);
  if (allowed_us > now_us) return Wake(allowed_us);
  // With a limit one after the other, as it allows: answers that come together are taken in, and
  // given, in one turn, which clients wait for.
  const auto may_ask = [&] { return streams < options_.streams && WhenAllowed(now_us) <= now_us; };
  // Those that have begun first, so that what was moved is soon complete.
  for (const Partition partition : begun) {
    Job& job = jobs_.at(partition);
    const bool waits = job.pass && job.pass->id == RequestId{} && !job.pass->last;
    if (waits && may_ask()) streams += BeginDue(partition, job, now_us);
  }
  for (auto at = jobs_.begin(); at != jobs_.end() && may_ask(); ++at) {
    if (!at->second.pass) streams += BeginDue(at->first, at->second, now_us);
  }
  if (WhenAllowed(now_us) > now_us) Wake(WhenAllowed(now_us));
}

// 1: a stream more.
size_t Refill::BeginDue(Partition partition, Job& job, int64_t now_us) {
  const int64_t patience_us = ring_.IsMoving(partition) ? 0 : options_.patience_us;
  const int64_t due_us = std::max(job.not_before_us, job.since_us + patience_us);
  if (now_us < due_us) {
    Wake(due_us);
    return 0;
  }
  if (!Begin(partition, job, now_us)) return 0;
  Wake(now_us + options_.timeout_us);
  return 1;
}

bool Refill::Begin(Partition partition, Job& job, int64_t now_us) {
  if (job.pass) {
    if (peers_.HasRoom(job.pass->source) && Ask(partition, *job.pass, now_us)) return true;
    Fail(partition, "the member " + Text(job.pass->source) + " cannot be reached", job, now_us);
    return false;
  }
  NodeId away = kNoNode;
  for (const NodeId source : SourcesOf(partition)) {
    if (job.passed.contains(source) || job.doubted.contains(source)) continue;
    if (!peers_.HasRoom(source)) {
      away = source;
      continue;
    }
    job.pass.emplace();
    begun_.insert(partition);
    job.pass->source = source;
    job.pass->known = store_.VnodeOf(partition).received;
    return Ask(partition, *job.pass, now_us);
  }
  if (away != kNoNode) {
    Fail(partition, "the member " + Text(away) + " cannot be reached", job, now_us);
  }
  return false;
}

bool Refill::Ask(Partition partition, RefillPass& pass, int64_t now_us) {
  const RequestId id{kIdBit | next_id_++};
  const bool sent = peers_.Send(pass.source, Fetch{.id = id,
                                                   .partition = partition,
                                                   .epoch = ring_.EpochOf(partition),
                                                   .max_bytes = options_.part_bytes,
                                                   .after = pass.after,
                                                   .known = pass.known});
  if (!sent) return false;
  pass.id = id;
  pass.asked_us = now_us;
  asked_[id] = partition;
  Spend(options_.part_bytes, now_us);
  return true;
}

// The pass, if there is one, goes on later where the last commit left it, or with another source.
void Refill::Fail(Partition partition, std::string why, Job& job, int64_t now_us) {
  job.not_before_us = now_us + options_.retry_us;
  Wake(job.not_before_us);
  if (ring_.IsMoving(partition)) {
    failing_ = std::move(why);
    if (job.failing_since_us == 0) job.failing_since_us = now_us;
  }
  if (!job.pass) return;
  asked_.erase(job.pass->id);
  job.pass->id = {};
  job.pass->after = job.pass->committed_after;
  if (!peers_.HasRoom(job.pass->source)) EndPass(partition, job);
}

void Refill::PeerDown(NodeId peer, int64_t now_us) {
  for (const Partition partition : std::vector<Partition>(begun_.begin(), begun_.end())) {
    Job& job = jobs_.at(partition);
    if (job.pass->source != peer) continue;
    // Another source may be there to compare with.
    if (job.pass->kept && MustCompare(partition, *job.pass)) EndPass(partition, job);
    if (!job.pass || job.pass->last) continue;
    asked_.erase(job.pass->id);
    job.pass->id = {};
    job.pass->after = job.pass->committed_after;
  }
  Wake(now_us);
}

// ---- a part

void Refill::On(NodeId from, const Fetched& message, Time now) {
  const auto found = asked_.find(message.id);
  if (found == asked_.end()) return;
  const Partition partition = found->second;
  asked_.erase(found);
  const auto at = jobs_.find(partition);
  if (at == jobs_.end() || !at->second.pass) return;
  Job& job = at->second;
  RefillPass& pass = *job.pass;
  if (pass.source != from || pass.id != message.id) return;
  pass.id = {};
  Wake(now.monotonic_us);
  const std::string who = "the member " + Text(from);
  if (message.refusal != Refusal::kNone) {
    return Fail(partition, who + ": " + std::string(Describe(message.refusal)), job,
                now.monotonic_us);
  }
  if (!pass.word) pass.word = message.word;
  if (message.word.actor != pass.word->actor) {
    EndPass(partition, job);
    return Fail(partition, who + " has lost data", job, now.monotonic_us);
  }
  if (const Refusal refusal = Take(message, now); refusal != Refusal::kNone) {
    return Fail(partition, "a record cannot be taken: " + std::string(Describe(refusal)), job,
                now.monotonic_us);
  }
  pass.after = message.next;
  pass.last = message.last;
  AskNext(now.monotonic_us);
}

Refusal Refill::Take(const Fetched& message, Time now) {
  // Of the limit, which is there for clients: taking in a small record, and reading it at the other
  // end, keeps them waiting as long as so many bytes do.
  constexpr uint64_t kLeastCharged = 2048;
  uint64_t charged = 0;
  for (const auto& [ref, container] : message.items) {
    const auto applied = store_.Apply(ref, container, DotsShownBy(container), now.unix_ms);
    if (!applied) return applied.error();
    const uint64_t bytes = ref.key.size() + BytesOf(container);
    bytes_ += bytes;
    charged += std::max(bytes, kLeastCharged);
  }
  records_ += message.items.size();
  // So much was paid when it was asked for.
  if (charged > options_.part_bytes) {
    Spend(charged - options_.part_bytes, now.monotonic_us);
  } else {
    allowed_us_ -= CostUs(options_.part_bytes - charged, options_.max_bytes_per_second);
  }
  return Refusal::kNone;
}

// ---- the limit: what is asked for is paid for before more is

int64_t Refill::WhenAllowed(int64_t now_us) const {
  return options_.max_bytes_per_second == 0 ? now_us : allowed_us_;
}

void Refill::Spend(uint64_t bytes, int64_t now_us) {
  if (options_.max_bytes_per_second == 0) return;
  allowed_us_ = std::max(allowed_us_, now_us) + CostUs(bytes, options_.max_bytes_per_second);
}

// ---- the end of a turn

void Refill::Committed(bool committed, int64_t now_us) {
  for (const Partition partition : std::vector<Partition>(begun_.begin(), begun_.end())) {
    Job& job = jobs_.at(partition);
    RefillPass& pass = *job.pass;
    if (pass.kept) continue;
    if (!committed) {
      // What was asked for in the turn has been taken back, too.
      pass.last = false;
      Fail(partition, "its disk is full, or fails", job, now_us);
      continue;
    }
    const bool took = pass.after != pass.committed_after || (pass.last && !pass.kept);
    if (!took) continue;
    pass.committed_after = pass.after;
    pass.kept = pass.last;
    job.failing_since_us = 0;
    Wake(now_us);
  }
}

std::vector<Partition> Refill::Arrived() const {
  std::vector<Partition> arrived;
  for (const Partition partition : coming_) {
    if (ring_.IsPreparedFor(self_, partition) && store_.IsComplete(partition)) {
      arrived.push_back(partition);
    }
  }
  return arrived;
}

std::string Refill::Trouble(int64_t now_us) const {
  const bool fails = std::ranges::any_of(jobs_, [&](const auto& job) {
    const int64_t since_us = job.second.failing_since_us;
    return since_us != 0 && now_us - since_us >= options_.trouble_after_us;
  });
  return fails ? failing_ : std::string();
}

}  // namespace cartwheel::cluster
