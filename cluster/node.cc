#include "cluster/node.h"

#include <algorithm>

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
      delivery_(store_, peers_, options.hints),
      forgetting_(store_, ring_, peers_, options.self, options.forgetting) {
  gossip_.SetMembers(ring_.members());
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
  size_t at = 0;
  for (const NodeId node : ring_.PreferenceList(partition)) {
    candidates.push_back(
        {.node = node, .owner = at++ < ring_.copies(), .healthy = IsHealthy(node)});
  }
  return candidates;
}

// This node first, whose answer costs nothing, then by how fast they usually are: among owners, and
// among those that stand in.
Node::Candidates Node::CandidatesForRead(Partition partition) const {
  Candidates candidates = CandidatesForWrite(partition);
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

std::optional<RequestId> Node::BeginRead(const KeyRef& ref, const Levels& levels,
                                         const Context* session, Time now) {
  if (by_id_.size() >= options_.max_requests) return std::nullopt;
  ++statistics_.reads;
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
  std::vector<NodeId> asked;
  for (const Member& member : ring_.members()) {
    if (IsHealthy(member.node)) asked.push_back(member.node);
  }
  Request& request = Add(std::make_unique<Request>(ListQuorum(ring_, asked, levels, from, until,
                                                              options_.read, now.monotonic_us)),
                         {database, {}}, 0, now);
  ListKeys question{.id = request.id,
                    .database = database,
                    .from = from,
                    .until = until,
                    .count = ShareOfPage(ring_, count)};
  auto& quorum = std::get<ListQuorum>(request.quorum);
  for (const NodeId node : asked) {
    if (node == options_.self) {
      if (staged_) read_of_turn_.push_back(request.id);
      quorum.Answered(node, AnswerList(question, now), now.monotonic_us);
    } else if (!peers_.Send(node, question)) {
      quorum.Lost(node, now.monotonic_us);
    }
  }
  const RequestId id = request.id;
  Pump(request, now);
  return id;
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
  return std::nullopt;
}

void Node::RemoveIfOver(Request& request) {
  if (!request.reported || request.id == last_reported_) return;
  const bool over = std::visit([](const auto& quorum) { return quorum.IsOver(); }, request.quorum);
  if (!over && !request.failed) return;
  const bool writes = std::holds_alternative<WriteQuorum>(request.quorum);
  if (writes && request.sloppy) ++statistics_.sloppy_writes;
  by_id_.erase(request.id);
}

// ---- what quorums want

void Node::Pump(Request& request, Time now) {
  if (auto* read = std::get_if<ReadQuorum>(&request.quorum)) {
    PumpRead(request, *read, now);
  } else if (auto* write = std::get_if<WriteQuorum>(&request.quorum)) {
    PumpWrite(request, *write, now);
  } else if (const auto* list = std::get_if<ListQuorum>(&request.quorum)) {
    PumpList(request, *list);
  } else {
    PumpWait(request, std::get<CopiesWait>(request.quorum), now);
  }
  Schedule(request);
  RemoveIfOver(request);
}

void Node::Schedule(Request& request) {
  const auto deadline =
      std::visit([](const auto& quorum) { return quorum.NextDeadline(); }, request.quorum);
  if (!deadline || (request.scheduled_us != 0 && request.scheduled_us <= *deadline)) return;
  request.scheduled_us = *deadline;
  deadlines_.Add(*deadline, request.id);
}

void Node::PumpRead(Request& request, ReadQuorum& quorum, Time now) {
  while (quorum.HasOutputs()) {
    for (const ReadQuorum::Output& output : quorum.TakeOutputs()) {
      if (const auto* send = std::get_if<ReadQuorum::Send>(&output)) {
        AskForRead(request, quorum, send->node, now);
      } else if (const auto* repair = std::get_if<ReadQuorum::Repair>(&output)) {
        Repair(request, quorum, repair->node, repair->actor, now);
      } else {
        const auto& outcome = std::get<ReadOutcome>(output);
        statistics_.degraded_reads += outcome.degraded ? 1 : 0;
        statistics_.ryw_misses += outcome.session_missed ? 1 : 0;
        statistics_.failed_reads += outcome.kind == ReadOutcome::Kind::kTooFew ? 1 : 0;
        done_.push_back(request.id);
      }
    }
  }
}

void Node::AskForRead(Request& request, ReadQuorum& quorum, NodeId node, Time now) {
  if (node == options_.self) return AnswerOwnRead(request, quorum, now);
  const bool sent = peers_.Send(node, Read{.id = request.id,
                                           .ref = request.ref(),
                                           .session_dots = quorum.session_dots(),
                                           .known = Known(request, quorum)});
  if (!sent) quorum.Lost(node, now.monotonic_us);
}

// Replicas mostly agree: then nobody has to send what is here already.
const std::optional<ContainerDigest>& Node::Known(Request& request, const ReadQuorum& quorum) {
  if (!request.known && quorum.Knows(options_.self)) {
    request.known = DigestOf(quorum.merged(), encoded_);
  }
  return request.known;
}

void Node::AnswerOwnRead(Request& request, ReadQuorum& quorum, Time now) {
  const auto container = store_.ReadContainer(request.ref());
  if (!container) return quorum.Lost(options_.self, now.monotonic_us);
  const DotList received = ReceivedOf(quorum.session_dots(), request.partition);
  if (staged_) read_of_turn_.push_back(request.id);
  quorum.Answered(options_.self,
                  {.container = *container,
                   .complete = store_.IsComplete(request.partition),
                   .actor = store_.ActorOf(request.partition),
                   .received = received},
                  now.monotonic_us);
}

DotList Node::ReceivedOf(const DotList& dots, Partition partition) {
  DotList received;
  for (const Dot dot : dots) {
    if (store_.HasReceived(partition, dot)) received.push_back(dot);
  }
  return received;
}

void Node::Repair(Request& request, const ReadQuorum& quorum, NodeId node, ActorId actor,
                  Time now) {
  if (!std::exchange(request.sloppy, true)) ++statistics_.divergent_reads;
  ++statistics_.repairs;
  const DotList dots = DotsOfVersions(quorum.merged());
  if (node == options_.self) {
    std::ignore = store_.Apply(request.ref(), quorum.merged(), dots, now.unix_ms);
    staged_ = true;
    return;
  }
  peers_.Send(
      node,
      Replicate{.ref = request.ref(), .target = actor, .dots = dots, .container = quorum.merged()});
}

void Node::PumpWrite(Request& request, WriteQuorum& quorum, Time now) {
  while (quorum.HasOutputs()) {
    for (const WriteQuorum::Output& output : quorum.TakeOutputs()) {
      if (const auto* send = std::get_if<WriteQuorum::Send>(&output)) {
        request.sloppy = request.sloppy || send->hint_for != kNoNode;
        if (!SendCopy(request, quorum, *send)) {
          quorum.Lost(send->node, now.monotonic_us);
        } else if (IsPlanted(Mutation::kCountsWhatItSent)) {
          quorum.Acknowledged(send->node, false, now.monotonic_us);
        }
      } else if (const auto* hint = std::get_if<WriteQuorum::StoreHint>(&output)) {
        request.sloppy = true;
        store_.AddHint(hint->owner, request.ref(), request.dots, now.unix_ms);
        delivery_.Wake(now.monotonic_us);
        staged_ = true;
      } else {
        const auto& outcome = std::get<WriteOutcome>(output);
        if (outcome.kind == WriteOutcome::Kind::kUncertain) ++statistics_.uncertain_writes;
        done_.push_back(request.id);
      }
    }
  }
}

void Node::PumpList(Request& request, const ListQuorum& quorum) {
  if (!quorum.IsOver() || std::exchange(request.decided, true)) return;
  done_.push_back(request.id);
}

// At first as the write made it; what is sent to others in the end is the record as it is by then:
// what came after the write may go with it. A node that stands in may have handed the write on to
// all it was for, and forgotten it; then there is nothing to send, least of all a claim that the
// write is in what is left.
bool Node::SendCopy(const Request& request, const WriteQuorum& quorum,
                    const WriteQuorum::Send& send) {
  const auto [node, hint_for] = send;
  Replicate message{
      .id = request.id,
      .ref = request.ref(),
      .target = hint_for == kNoNode ? peers_.ActorAt(node, request.partition) : ActorId{},
      .hint_for = hint_for,
      .wants_durable = quorum.wants_durable(),
      .dots = request.dots,
      .container = {}};
  if (!request.copy.empty()) return peers_.Send(node, ReplicateEncoded{message, request.copy});
  const auto container = store_.ReadContainer(request.ref());
  if (!container) return false;
  const bool is_there =
      std::ranges::all_of(request.dots, [&](Dot dot) { return (*container)->context.Covers(dot); });
  if (!is_there) return false;
  message.container = **container;
  return peers_.Send(node, message);
}

// ---- links, time and the end of a turn

void Node::PeerUp(NodeId peer, Time now) {
  if (!peers_.LinkUp(peer, now.monotonic_us)) return;
  forgetting_.PeerUp(peer);
  gossip_.PeerUp(peer, now.monotonic_us);
  delivery_.Wake(now.monotonic_us);
}

void Node::PeerDown(NodeId peer, Time now) {
  if (!peers_.LinkDown(peer)) return;
  delivery_.PeerDown(peer);
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
  while (const auto due = deadlines_.TakeDue(now.monotonic_us)) {
    Request* const request = Find(*due);
    if (request == nullptr) continue;
    request->scheduled_us = 0;
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
                   forgetting_.NextDeadline(), deadlines_.Next().value_or(INT64_MAX)});
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
