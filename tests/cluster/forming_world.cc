#include "tests/cluster/forming_world.h"

#include <algorithm>
#include <array>

#include "cluster/register_codec.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

constexpr uint16_t kPort = 7000;
constexpr std::array<uint8_t, 32> kKey{1, 2, 3};
constexpr int64_t kStepUs = 2'000;

}  // namespace

NodeAddress FormingWorld::AddressOf(size_t node) {
  return {.host = "node-" + std::to_string(node), .port = kPort};
}

size_t FormingWorld::Add(std::vector<NodeAddress> seeds, bool knows_its_address) {
  const size_t at = nodes_.size();
  nodes_.emplace_back();
  nodes_.back().id = NodeId{random_.Next() | 1};
  nodes_.back().place = at;
  nodes_.back().seeds = std::move(seeds);
  nodes_.back().knows_its_address = knows_its_address;
  return at;
}

void FormingWorld::Start(size_t at) {
  Node& node = nodes_[at];
  ++node.life;
  NodeAddress own{.host = "", .port = kPort};
  if (node.knows_its_address) own = AddressOf(node.place);
  node.membership.emplace(Membership::Options{.self = node.id,
                                              .boot_nonce = random_.Next(),
                                              .seeds = node.seeds,
                                              .address = own,
                                              .zone = "",
                                              .weight = 1,
                                              .n = 3,
                                              .auto_commit = auto_commit,
                                              .levels = {},
                                              .moves_at_once = moves_at_once,
                                              .move_stuck_us = move_stuck_us,
                                              .reg = {}},
                          node.stored, random_.Next());
  node.membership->SetHoldsKeys(node.holds_keys);
  node.adopted.reset();
  if (node.membership->topology() != nullptr) node.adopted = *node.membership->topology();
  node.arrives.clear();
  ChooseArrivals(at);
}

void FormingWorld::Kill(size_t at) {
  nodes_[at].membership.reset();
  nodes_[at].adopted.reset();
  UpdateLinks();
}

void FormingWorld::SwapAddresses(size_t a, size_t b) {
  std::swap(nodes_[a].place, nodes_[b].place);
}

void FormingWorld::Wipe(size_t at) {
  storage::Check(!runs(at), "data are wiped under no process");
  nodes_[at].stored.reset();
  nodes_[at].committed.reset();
  nodes_[at].id = NodeId{random_.Next() | 1};
}

void FormingWorld::SetHoldsKeys(size_t at, bool holds_keys) {
  nodes_[at].holds_keys = holds_keys;
  if (!runs(at)) return;
  nodes_[at].membership->SetHoldsKeys(holds_keys);
  Turn(at);
}

void FormingWorld::SetTrouble(size_t at, std::string trouble) {
  nodes_[at].trouble = std::move(trouble);
  Turn(at);
}

// What moves comes in after a while, partition by partition.
void FormingWorld::ChooseArrivals(size_t at) {
  Node& node = nodes_[at];
  if (!node.adopted) return;
  const Topology& topology = *node.adopted;
  std::map<Partition, std::pair<uint64_t, int64_t>> arrives;
  for (const Move& move : topology.moves) {
    const auto before = RowOf(topology.owners, move.partition);
    const bool comes = std::ranges::find(move.to, node.id) != move.to.end() &&
                       std::ranges::find(before, node.id) == before.end();
    if (!comes || move.step != MoveStep::kPrepare) continue;
    const uint64_t epoch = topology.epochs[move.partition];
    const auto was = node.arrives.find(move.partition);
    const bool same = was != node.arrives.end() && was->second.first == epoch;
    const int64_t at_us = now_us_ + static_cast<int64_t>(random_.Below(arrives_within_us));
    arrives[move.partition] = same ? was->second : std::pair(epoch, at_us);
  }
  node.arrives = std::move(arrives);
  node.drained_us = now_us_ + static_cast<int64_t>(random_.Below(300'000));
}

void FormingWorld::Report(size_t at) {
  Node& node = nodes_[at];
  Membership::Report report{.drained = now_us_ >= node.drained_us, .trouble = node.trouble};
  for (const auto& [partition, arrival] : node.arrives) {
    if (!node.held_up && arrival.second <= now_us_) report.arrived.push_back(partition);
  }
  node.membership->SetReport(report);
}

std::optional<size_t> FormingWorld::FindId(NodeId id) const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].id == id) return i;
  }
  return std::nullopt;
}

std::optional<size_t> FormingWorld::FindPlace(const NodeAddress& address) const {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (AddressOf(nodes_[i].place) == address) return i;
  }
  return std::nullopt;
}

// ---- what nodes do

void FormingWorld::Turn(size_t at) {
  Node& node = nodes_[at];
  Membership& membership = *node.membership;
  Report(at);
  if (membership.NextDeadline() <= now_us_) membership.OnTime(now_us_);
  if (membership.TakeChanged()) {
    if (stores_late) node.stored = node.committed;
    node.committed = membership.TakeState();
    if (!stores_late) node.stored = node.committed;
  }
  membership.Committed(true);
  for (const Membership::Output& output : membership.TakeOutputs()) Perform(at, output);
  CheckRecord(at);
}

void FormingWorld::Perform(size_t at, const Membership::Output& output) {
  if (const auto* ask = std::get_if<Membership::Ask>(&output)) {
    PerformAsk(at, *ask);
  } else if (const auto* talk = std::get_if<Membership::Talk>(&output)) {
    SendOnLink(at, talk->to,
               {.kind = Event::Kind::kTalk,
                .from = at,
                .to = 0,
                .address = {},
                .bytes = EncodeRegisterMessage(talk->message),
                .news = {}});
  } else if (const auto* tell = std::get_if<Membership::Tell>(&output)) {
    SendOnLink(at, tell->to,
               {.kind = Event::Kind::kTell,
                .from = at,
                .to = 0,
                .address = {},
                .bytes = {},
                .news = tell->news});
  } else if (const auto* pass = std::get_if<Membership::PassOn>(&output)) {
    SendOnLink(at, pass->to,
               {.kind = Event::Kind::kPassOn,
                .from = at,
                .to = 0,
                .address = {},
                .bytes = EncodeJoin(pass->request, kKey),
                .news = {}});
  } else if (const auto* adopt = std::get_if<Membership::Adopt>(&output)) {
    nodes_[at].adopted = adopt->topology;
    ChooseArrivals(at);
  } else {
    nodes_[at].notices.push_back(std::get<Membership::Notice>(output).text);
  }
}

void FormingWorld::PerformAsk(size_t at, const Membership::Ask& ask) {
  Event event{.kind = Event::Kind::kQuestion,
              .from = at,
              .to = 0,
              .life_of_to = nodes_[at].life,
              .address = ask.to,
              .bytes = EncodeJoin(ask.request, kKey),
              .news = {}};
  const auto to = FindPlace(ask.to);
  const bool cut = to && cuts_.contains(std::minmax(at, *to));
  if (cut || random_.Percent(lost_percent)) {
    event.kind = Event::Kind::kFailed;
    return At(now_us_ + 1'000'000, event);
  }
  if (!to || !runs(*to)) {
    event.kind = Event::Kind::kFailed;
    return At(now_us_ + Delay(), event);
  }
  event.to = *to;
  At(now_us_ + Delay(), event);
}

void FormingWorld::SendOnLink(size_t from, NodeId to, Event event) {
  const auto at = FindId(to);
  if (!at || !LinkOf(from, *at).up || random_.Percent(lost_percent)) return;
  event.to = *at;
  event.life_of_to = nodes_[*at].life;
  event.link_generation = LinkOf(from, *at).generation;
  At(now_us_ + Delay(), std::move(event));
}

// ---- the network

void FormingWorld::Question(const Event& event) {
  Event answer = event;
  answer.kind = Event::Kind::kFailed;
  if (runs(event.to)) {
    const auto request = DecodeJoin(event.bytes, kKey);
    storage::Check(request.has_value(), "what was encoded decodes");
    const std::string from_host = AddressOf(nodes_[event.from].place).host;
    const JoinReply reply =
        nodes_[event.to].membership->OnRequest(std::get<JoinRequest>(*request), from_host, now_us_);
    Turn(event.to);
    answer.kind = Event::Kind::kAnswer;
    answer.bytes = EncodeJoin(reply, kKey);
  }
  At(now_us_ + Delay(), answer);
}

void FormingWorld::Handle(const Event& event) {
  if (event.kind == Event::Kind::kQuestion) return Question(event);
  const bool of_asker = event.kind == Event::Kind::kAnswer || event.kind == Event::Kind::kFailed;
  const size_t at = of_asker ? event.from : event.to;
  Node& node = nodes_[at];
  if (!node.membership || node.life != event.life_of_to) return;
  const NodeId from = nodes_[event.from].id;
  if (!of_asker) {
    const Link& link = LinkOf(event.from, event.to);
    if (!link.up || link.generation != event.link_generation) return;
  }
  switch (event.kind) {
    case Event::Kind::kQuestion: break;
    case Event::Kind::kAnswer:
      node.membership->Replied(event.address, std::get<JoinReply>(*DecodeJoin(event.bytes, kKey)),
                               now_us_);
      break;
    case Event::Kind::kFailed: node.membership->NotAnswered(event.address, now_us_); break;
    case Event::Kind::kTalk:
      node.membership->OnRegister(from, *DecodeRegisterMessage(event.bytes), now_us_);
      break;
    case Event::Kind::kTell: node.membership->OnNews(from, event.news); break;
    case Event::Kind::kPassOn:
      node.membership->OnPassedOn(std::get<JoinRequest>(*DecodeJoin(event.bytes, kKey)), now_us_);
      break;
  }
  Turn(at);
}

bool FormingWorld::Wants(size_t from, size_t to) const {
  if (!runs(from) || !nodes_[from].adopted) return false;
  const TopologyMember* const member = FindMember(*nodes_[from].adopted, nodes_[to].id);
  return member != nullptr && FindPlace(member->address) == to;
}

void FormingWorld::UpdateLinks() {
  links_looked_at_us_ = now_us_;
  for (size_t a = 0; a < nodes_.size(); ++a) {
    for (size_t b = a + 1; b < nodes_.size(); ++b) {
      Link& link = links_[{a, b}];
      const bool wanted = !cuts_.contains({a, b}) && Wants(a, b) && Wants(b, a) &&
                          nodes_[a].adopted->cluster_id == nodes_[b].adopted->cluster_id;
      if (!wanted && link.up) {
        link.up = false;
        if (runs(a)) nodes_[a].membership->PeerDown(nodes_[b].id);
        if (runs(b)) nodes_[b].membership->PeerDown(nodes_[a].id);
      }
      if (!wanted) {
        link.since_us = 0;
        continue;
      }
      if (link.since_us == 0) link.since_us = now_us_ + 2 * Delay();
      if (link.up || now_us_ < link.since_us) continue;
      link.up = true;
      ++link.generation;
      nodes_[a].membership->PeerUp(nodes_[b].id);
      nodes_[b].membership->PeerUp(nodes_[a].id);
      Turn(a);
      Turn(b);
    }
  }
}

// ---- running, and what must hold

void FormingWorld::CheckRecord(size_t at) {
  const Node& node = nodes_[at];
  if (!node.membership || node.membership->topology() == nullptr || !node.committed) return;
  const Record& record = node.committed->chosen;
  const uint64_t cluster = node.membership->topology()->cluster_id;
  const auto [known, is_new] = records_.try_emplace({cluster, record.epoch}, record);
  if (!is_new && known->second != record) {
    violations_.push_back("P18: two records of epoch " + std::to_string(record.epoch));
  }
}

void FormingWorld::RunFor(int64_t microseconds) {
  const int64_t until_us = now_us_ + microseconds;
  for (; now_us_ < until_us; now_us_ += kStepUs) {
    while (!events_.empty() && events_.begin()->first.first <= now_us_) {
      const Event event = events_.begin()->second;
      events_.erase(events_.begin());
      Handle(event);
    }
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!runs(i)) continue;
      const bool reports = now_us_ % 50'000 == 0;
      if (reports || nodes_[i].membership->NextDeadline() <= now_us_) Turn(i);
    }
    constexpr int64_t kLinksEveryUs = 10'000;
    if (now_us_ - links_looked_at_us_ >= kLinksEveryUs) UpdateLinks();
  }
}

bool FormingWorld::RunUntilOne(int64_t microseconds) {
  const int64_t until_us = now_us_ + microseconds;
  while (now_us_ < until_us) {
    if (IsOne(nodes_.size())) return true;
    RunFor(50'000);
  }
  return IsOne(nodes_.size());
}

bool FormingWorld::RunUntilSettled(size_t members, int64_t microseconds) {
  const int64_t until_us = now_us_ + microseconds;
  while (now_us_ < until_us) {
    RunFor(100'000);
    if (!IsOne(members)) continue;
    const auto runs = std::ranges::find_if(nodes_, [](const Node& node) {
      return node.membership.has_value() && node.adopted.has_value();
    });
    if (IsSettled(*runs->adopted)) return true;
  }
  return false;
}

bool FormingWorld::IsOne(size_t members) const {
  const Topology* one = nullptr;
  for (const Node& node : nodes_) {
    if (!node.membership) continue;
    if (!node.adopted || node.adopted->members.size() != members) return false;
    if (one == nullptr) one = &*node.adopted;
    if (*node.adopted != *one) return false;
  }
  if (one == nullptr) return false;
  for (const auto& [pair, link] : links_) {
    if (runs(pair.first) && runs(pair.second) && !link.up) return false;
  }
  return true;
}

std::set<uint64_t> FormingWorld::Clusters() const {
  std::set<uint64_t> clusters;
  for (const Node& node : nodes_) {
    if (node.adopted) clusters.insert(node.adopted->cluster_id);
  }
  return clusters;
}

}  // namespace cartwheel::cluster
