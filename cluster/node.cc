#include "cluster/node.h"

#include <algorithm>
#include <array>

#include "cluster/slot.h"
#include "cluster/store_key.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

// Of a read whose own replica's part has not been kept.
constexpr ReadOutcome kNothingRead{
    .kind = ReadOutcome::Kind::kTooFew, .level = Level::kR, .reached = 0, .needed = 1};

}  // namespace

Node::Node(LocalStore& store, Ring ring, const Options& options)
    : store_(store),
      ring_(std::move(ring)),
      options_(options),
      peers_(options.self, ring_.members(), options.peers),
      gossip_(options.self, options.gossip, peers_),
      delivery_(store_, ring_, peers_, options.hints),
      forgetting_(store_, ring_, peers_, options.self, options.forgetting),
      refill_(store_, ring_, peers_, options.self, options.refill),
      retire_(store_, ring_, peers_, options.self, options.retire),
      former_actors_(store_, ring_, forgetting_, retire_, peers_, options.self,
                     options.former_actors),
      anti_entropy_(store_, ring_, forgetting_, peers_, options.self, options.anti_entropy),
      evicting_(store_, ring_, forgetting_, peers_, options.self, options.evicting) {
  gossip_.SetMembers(ring_.members());
  const Ownership ownership = OwnershipOf(ring_, options_.self);
  owns_nothing_ = !ownership.alone && ownership.owned.none();
}

// ---- who is asked

NodeId Node::CoordinatorOf(const KeyRef& ref) const {
  const auto owners = ring_.OwnersOf(PartitionOfKey(ref.key));
  if (std::ranges::find(owners, options_.self) != owners.end()) return options_.self;
  const auto healthy =
      std::ranges::find_if(owners, [this](NodeId node) { return IsHealthy(node); });
  return healthy == owners.end() ? options_.self : *healthy;
}

Node::Candidates Node::CandidatesForWrite(Partition partition) const {
  Candidates candidates;
  const size_t holders = ring_.HoldersOf(partition).size();
  size_t at = 0;
  for (const NodeId node : ring_.PreferenceList(partition)) {
    Candidate candidate{.node = node, .owner = at < holders, .healthy = IsHealthy(node)};
    if (candidate.owner) candidate.quorums = ring_.QuorumsOf(partition, at);
    candidates.push_back(candidate);
    ++at;
  }
  return candidates;
}

// This node first, whose answer costs nothing, then by how fast they usually are: among owners, and
// among those that stand in.
Node::Candidates Node::CandidatesForRead(Partition partition) const {
  Candidates candidates;
  const size_t owners = ring_.OwnersOf(partition).size();
  for (const NodeId node : ring_.PreferenceList(partition)) {
    candidates.push_back(
        {.node = node, .owner = candidates.size() < owners, .healthy = IsHealthy(node)});
  }
  const auto rank = [this](const Candidate& candidate) {
    const int64_t answer =
        candidate.node == options_.self ? -1 : peers_.TypicalAnswer(candidate.node);
    return std::tuple(!candidate.healthy, !candidate.owner, candidate.owner ? answer : 0);
  };
  const auto before = [&](const Candidate& a, const Candidate& b) { return rank(a) < rank(b); };
  // Insertion: few, mostly in order, and equal ones stay so.
  for (auto at = candidates.begin(); at != candidates.end(); ++at) {
    std::rotate(std::upper_bound(candidates.begin(), at, *at, before), at, at + 1);
  }
  return candidates;
}

DotList DotsOfVersions(const Container& container) {
  DotList dots;
  for (const Version& version : container.versions) dots.push_back(version.dot);
  return dots;
}

// ---- requests

Node::Request& Node::Add(std::unique_ptr<Request> request, const KeyRef& ref, Partition partition,
                         Time now) {
  request->id = RequestId{next_id_++};
  request->epoch = ring_.EpochOf(partition);
  request->database = ref.database;
  request->key = ref.key;
  request->partition = partition;
  request->began_us = now.monotonic_us;
  Request& added = *request;
  by_id_.emplace(added.id, std::move(request));
  return added;
}

Node::Request* Node::Find(RequestId id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

// An id and, above it, which of its attempts.
constexpr int kAttemptShift = 48;
constexpr uint64_t kMostAttempts = 1U << 13;

RequestId Node::Request::wire_id() const {
  return RequestId{static_cast<uint64_t>(id) | (attempt % kMostAttempts) << kAttemptShift};
}

Node::Request* Node::FindByWire(RequestId id) {
  constexpr uint64_t kIdMask = (uint64_t{1} << kAttemptShift) - 1;
  Request* const request = Find(RequestId{static_cast<uint64_t>(id) & kIdMask});
  return request != nullptr && request->wire_id() == id ? request : nullptr;
}

std::optional<RequestId> Node::BeginRead(const KeyRef& ref, const Levels& levels,
                                         const Context* session, Time now) {
  if (by_id_.size() >= options_.max_requests) return std::nullopt;
  ++statistics_.reads;
  if (!in_cluster_) return FailedRead(ref, levels, now);
  const Partition partition = PartitionOfKey(ref.key);
  const Candidates candidates = CandidatesForRead(partition);
  Context seen = session == nullptr ? Context() : *session;
  if (!store_.IsComplete(partition)) SeeOwnWrites(ref, partition, seen);
  Request& request = Add(std::make_unique<Request>(
                             ReadQuorum(candidates, levels, seen, options_.read, now.monotonic_us)),
                         ref, partition, now);
  Pump(request, now);
  return request.id;
}

// In no cluster there is nobody to ask.
RequestId Node::FailedRead(const KeyRef& ref, const Levels& levels, Time now) {
  const std::array<Candidate, 1> self = {{{.node = options_.self, .owner = true}}};
  Request& request =
      Add(std::make_unique<Request>(ReadQuorum(self, levels, {}, options_.read, now.monotonic_us)),
          ref, PartitionOfKey(ref.key), now);
  request.failed = true;
  done_.push_back(request.id);
  return request.id;
}

// While it rebuilds its replica is not to be believed, but for what it has written since: copies of
// that may still be on their way to the others, which the read overtakes.
void Node::SeeOwnWrites(const KeyRef& ref, Partition partition, Context& seen) {
  const auto own = store_.ReadContainer(ref);
  if (!own) return;
  const ActorId self = store_.ActorOf(partition);
  for (const Context::Interval& interval : (*own)->context.intervals()) {
    if (interval.actor != self) continue;
    Context written;
    written.AppendInterval(interval);
    seen.Join(written);
  }
}

std::expected<RequestId, std::variant<WriteOutcome, Node::Busy>> Node::BeginWrite(
    const KeyRef& ref, const Levels& levels, Time now) {
  if (by_id_.size() >= options_.max_requests) return std::unexpected(Busy{});
  if (!in_cluster_) {
    return std::unexpected(WriteOutcome{.kind = WriteOutcome::Kind::kNoReplicas,
                                        .level = Level::kW,
                                        .reached = 0,
                                        .needed = levels.w});
  }
  const Partition partition = PartitionOfKey(ref.key);
  const Candidates candidates = CandidatesForWrite(partition);
  auto request = std::make_unique<Request>(
      WriteQuorum(options_.self, candidates, levels, options_.write, now.monotonic_us));
  if (const auto& outcome = std::get<WriteQuorum>(request->quorum).outcome()) {
    ++statistics_.refused_writes;
    return std::unexpected(*outcome);
  }
  ++statistics_.writes;
  return Add(std::move(request), ref, partition, now).id;
}

void Node::Written(RequestId id, const DotList& dots, std::string_view copy, Time now) {
  Request* const request = Find(id);
  if (request == nullptr) return;
  staged_ = true;
  request->dots = dots;
  request->copy = copy;
  written_.push_back(id);
  const auto& quorum = std::get<WriteQuorum>(request->quorum);
  if (quorum.wants_durable()) store_.SyncNextCommit();
  const NodeId owner = quorum.local_hint_for();
  if (owner == kNoNode) return;
  // It stands in: its own copy is one that the owner is to have.
  request->sloppy = true;
  store_.AddHint(owner, request->ref(), dots, now.unix_ms);
  delivery_.Wake(now.monotonic_us);
}

void Node::Abandon(RequestId id) {
  by_id_.erase(id);
}

std::optional<RequestId> Node::BeginList(Database database, ScanPlace from, ScanPlace until,
                                         size_t count, const Levels& levels, Time now) {
  if (by_id_.size() >= options_.max_requests) return std::nullopt;
  Request& request = Add(std::make_unique<Request>(ListQuorum(ring_, Healthy(), levels, from, until,
                                                              options_.read, now.monotonic_us)),
                         {database, {}}, 0, now);
  request.listing = std::make_unique<ListKeys>(ListKeys{
      .database = database, .from = from, .until = until, .count = ShareOfPage(ring_, count)});
  const RequestId id = request.id;
  AskForList(request, now);
  return id;
}

std::vector<NodeId> Node::Healthy() const {
  std::vector<NodeId> healthy;
  for (const Member& member : ring_.members()) {
    if (IsHealthy(member.node)) healthy.push_back(member.node);
  }
  return healthy;
}

void Node::AskForList(Request& request, Time now) {
  auto& quorum = std::get<ListQuorum>(request.quorum);
  ListKeys question = *request.listing;
  request.epoch = question.epoch = EpochOfRange(question.from, question.until);
  question.id = request.wire_id();
  for (const NodeId node : Healthy()) {
    if (node == options_.self) {
      if (staged_) read_of_turn_.push_back(request.id);
      quorum.Answered(node, AnswerList(question, now), now.monotonic_us);
    } else if (!peers_.Send(node, question)) {
      quorum.Lost(node, now.monotonic_us);
    }
  }
  Pump(request, now);
}

std::optional<Node::Event> Node::NextEvent() {
  if (Request* const last = Find(std::exchange(last_reported_, RequestId{}))) RemoveIfOver(*last);
  while (!done_.empty()) {
    Request* const request = Find(done_.front());
    done_.pop_front();
    if (request == nullptr) continue;
    request->reported = true;
    last_reported_ = request->id;
    if (const auto* read = std::get_if<ReadQuorum>(&request->quorum)) {
      if (request->failed) return ReadDone{request->id, kNothingRead, &read->merged()};
      return ReadDone{request->id, *read->outcome(), &read->merged()};
    }
    if (const auto* list = std::get_if<ListQuorum>(&request->quorum)) {
      return ListDone{request->id, request->failed ? kNothingRead : *list->outcome(), list};
    }
    if (const auto* wait = std::get_if<CopiesWait>(&request->quorum)) {
      return WaitDone{request->id, *wait->outcome()};
    }
    return WriteDone{request->id, *std::get<WriteQuorum>(request->quorum).outcome(),
                     request->partition, &request->dots};
  }
  return TakeVerified();
}

void Node::RemoveIfOver(Request& request) {
  if (!request.reported || request.id == last_reported_) return;
  const bool over = std::visit([](const auto& quorum) { return quorum.IsOver(); }, request.quorum);
  if (!over && !request.failed) return;
  const bool writes = std::holds_alternative<WriteQuorum>(request.quorum);
  if (writes && request.sloppy) ++statistics_.sloppy_writes;
  by_id_.erase(request.id);
}

// ---- links, time and the end of a turn

void Node::PeerUp(NodeId peer, Time now) {
  if (!peers_.LinkUp(peer, now.monotonic_us)) return;
  forgetting_.PeerUp(peer);
  refill_.Wake(now.monotonic_us);
  gossip_.PeerUp(peer, now.monotonic_us);
  delivery_.Wake(now.monotonic_us);
}

void Node::PeerDown(NodeId peer, Time now) {
  if (!peers_.LinkDown(peer)) return;
  delivery_.PeerDown(peer);
  refill_.PeerDown(peer, now.monotonic_us);
  anti_entropy_.PeerDown(peer, now.monotonic_us);
  former_actors_.PeerDown(peer);
  for (auto& [id, verifying] : verifications_) {
    verifying.roots.Lost(peer, now.monotonic_us);
    if (verifying.keys) verifying.keys->Lost(peer, now.monotonic_us);
  }
  gossip_.Doubt(peer, now.monotonic_us);
  std::vector<RequestId> ids;  // gathered first: what becomes of one may remove it
  ids.reserve(by_id_.size());
  for (const auto& [id, request] : by_id_) ids.push_back(id);
  std::ranges::sort(ids);
  for (const RequestId id : ids) {
    Request* const request = Find(id);
    if (request == nullptr) continue;
    std::visit([&](auto& quorum) { quorum.Lost(peer, now.monotonic_us); }, request->quorum);
    Pump(*request, now);
  }
}

void Node::OnTime(Time now) {
  peers_.OnTime(now.monotonic_us);
  for (const NodeId silent : peers_.TakeSilenced()) gossip_.Doubt(silent, now.monotonic_us);
  gossip_.OnTime(now.monotonic_us);
  if (now.monotonic_us >= delivery_.NextDeadline()) {
    staged_ = true;
    delivery_.OnTime(now.monotonic_us);
  }
  const Forgetting::Step step = forgetting_.OnTime(now.monotonic_us);
  statistics_.deletions_forgotten += step.forgotten;
  if (step.forgotten + step.completed > 0) staged_ = true;
  if (refill_.OnTime(now.monotonic_us)) staged_ = true;
  anti_entropy_.SetSources(refill_.ToCompareWith(), now.monotonic_us);
  if (anti_entropy_.OnTime(now)) staged_ = true;
  for (const auto& [partition, source] : anti_entropy_.TakeCompared()) {
    refill_.Compared(partition, source, now.monotonic_us);
  }
  if (evicting_.OnTime(now)) staged_ = true;
  if (former_actors_.OnTime(now.monotonic_us)) staged_ = true;
  PumpVerifications(now);
  if (retire_.OnTime(now)) {
    staged_ = true;
    delivery_.Wake(now.monotonic_us);
  }
  while (const auto due = deadlines_.TakeDue(now.monotonic_us)) {
    Request* const request = Find(*due);
    if (request == nullptr) continue;
    request->scheduled_us = 0;
    if (request->told_at_us != 0 && now.monotonic_us >= request->told_at_us) {
      request->told_at_us = 0;
      done_.push_back(request->id);
    }
    std::visit([&](auto& quorum) { quorum.OnTime(now.monotonic_us); }, request->quorum);
    Pump(*request, now);
  }
}

size_t Node::RebuildingPartitions() const {
  size_t rebuilding = 0;
  for (Partition i = 0; i < kPartitions; ++i) rebuilding += store_.IsComplete(i) ? 0 : 1;
  return rebuilding;
}

int64_t Node::NextDeadline() const {
  return std::min({peers_.NextDeadline(), gossip_.NextDeadline(), delivery_.NextDeadline(),
                   forgetting_.NextDeadline(), refill_.NextDeadline(), retire_.NextDeadline(),
                   anti_entropy_.NextDeadline(), NextVerification(), evicting_.NextDeadline(),
                   former_actors_.NextDeadline(), deadlines_.Next().value_or(INT64_MAX)});
}

// They were answered with what has not been kept. Those that are reported already are the caller's.
void Node::FailReadsOfTurn() {
  for (const RequestId id : read_of_turn_) {
    Request* const request = Find(id);
    if (request == nullptr || request->reported) continue;
    request->failed = true;
    const bool decided = std::visit([](const auto& quorum) { return quorum.outcome().has_value(); },
                                    request->quorum);
    if (!decided) done_.push_back(id);
  }
}

void Node::Committed(bool committed, bool durable, Time now) {
  staged_ = false;
  constexpr size_t kScratchKept = 1 << 20;
  if (encoded_.capacity() > kScratchKept) std::string().swap(encoded_);
  if (!committed) {
    peers_.Unsend();
    forgetting_.Unsend();
    FailReadsOfTurn();
  }
  read_of_turn_.clear();
  refill_.Committed(committed, now.monotonic_us);
  anti_entropy_.Committed(committed, now.monotonic_us);
  for (const Answer& answer : std::exchange(answers_, {})) {
    peers_.Send(answer.to, ReplicateReply{.id = answer.id,
                                          .refusal = committed ? Refusal::kNone : Refusal::kFull,
                                          .durable = committed && durable,
                                          .actor = answer.actor});
  }
  for (const RequestId id : std::exchange(written_, {})) {
    Request* const request = Find(id);
    if (request == nullptr) continue;
    auto& quorum = std::get<WriteQuorum>(request->quorum);
    committed ? quorum.LocalStored(durable, now.monotonic_us) : quorum.LocalFailed();
    PumpWrite(*request, quorum, now);
    request->copy = {};
    Pump(*request, now);
  }
  peers_.Mark();
}

}  // namespace cartwheel::cluster
