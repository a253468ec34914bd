#include "tests/sim/move_world.h"

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/frame.h"
#include "cluster/message_codec.h"
#include "cluster/moves.h"
#include "cluster/node.h"
#include "cluster/slot.h"
#include "storage/check.h"
#include "storage/memory_engine.h"
#include "tests/cluster/random.h"

namespace cartwheel::sim {
namespace {

using cluster::NodeId;
using cluster::Partition;
using cluster::Topology;

constexpr size_t kNodes = 4;
constexpr size_t kOwners = 3;
constexpr size_t kSteps = 12000;
constexpr cluster::Levels kLevels = {.n = 3, .r = 2, .w = 2, .pr = 2, .pw = 2, .dw = 0};

NodeId IdOf(size_t at) {
  return NodeId{at + 1};
}
std::string KeyOf(uint64_t number) {
  return "{moves}" + std::to_string(number);
}
Partition Moving() {
  return cluster::PartitionOfKey(KeyOf(0));
}

class MoveWorld {
 public:
  explicit MoveWorld(uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15 + 7) {
    records_.push_back(First());
    for (size_t at = 0; at < kNodes; ++at) Start(at);
    for (int i = 0; i < 200; ++i) {
      PassTime(20'000);
      DeliverAll();
    }
  }

  WorldResult Run() {
    for (size_t step = 0; step < kSteps; ++step) Step();
    result_.virtual_us = now_us_;
    return std::move(result_);
  }

 private:
  struct Machine {
    std::unique_ptr<storage::Engine> engine = storage::NewMemoryEngine();
    std::optional<cluster::LocalStore> store;
    std::unique_ptr<cluster::Node> node;
    uint64_t epoch = 1;  // that it has adopted
    std::map<cluster::RequestId, uint64_t> writes;
    std::map<cluster::RequestId, uint64_t> reads;
  };

  static Topology First() {
    Topology topology{.cluster_id = 1, .n = kOwners, .members = {}, .owners = {}};
    for (size_t at = 0; at < kNodes; ++at) {
      topology.members.push_back(
          {.node = IdOf(at), .address = {.host = "node-" + std::to_string(at), .port = 1}});
    }
    topology.owners.copies = kOwners;
    for (int i = 0; i < cluster::kPartitions; ++i) {
      for (size_t at = 0; at < kOwners; ++at) topology.owners.nodes.push_back(IdOf(at));
    }
    topology.epochs.assign(cluster::kPartitions, 1);
    return topology;
  }

  const Topology& Chosen() const { return records_.back(); }
  cluster::Time now() const {
    return {.unix_ms = 1'700'000'000'000 + now_us_ / 1000, .monotonic_us = now_us_};
  }
  bool runs(size_t at) const { return machines_[at].node != nullptr; }
  size_t AnyNode() { return random_.Below(kNodes); }

  // ---- what happens

  void Step() {
    const uint64_t dice = random_.Below(1000);
    if (dice < 30) {
      Write(AnyNode());
    } else if (dice < 75) {
      Read(AnyNode());
    } else if (dice < 935) {
      DeliverOne();
    } else if (dice < 950) {
      Adopt(AnyNode());
    } else if (dice < 970) {
      Propose();
    } else if (dice < 974) {
      Stall();
    } else if (dice < 993) {
      PassTime(static_cast<int64_t>(random_.Below(20'000)));
    } else if (dice < 997) {
      BreakLink(AnyNode(), AnyNode());
    } else {
      KillOrStart();
    }
  }

  void Write(size_t at) {
    if (!runs(at)) return;
    Machine& machine = machines_[at];
    const uint64_t number = next_++;
    const std::string key = KeyOf(number);
    const auto id = machine.node->BeginWrite({0, key}, kLevels, now());
    if (!id) return;
    machine.store->Write({0, key}, cluster::Change::Put("v", cluster::kNoExpiry), now().unix_ms);
    machine.writes[*id] = number;
    machine.node->Written(*id, machine.store->minted(), machine.store->copy(), now());
    ++result_.operations;
    Turn(at);
  }

  void Read(size_t at) {
    if (!runs(at) || acknowledged_.empty()) return;
    Machine& machine = machines_[at];
    // Mostly one of the last: older ones have arrived everywhere.
    const uint64_t back =
        std::min<uint64_t>(random_.Below(1 + random_.Below(8)), acknowledged_.size() - 1);
    const uint64_t number = acknowledged_[acknowledged_.size() - 1 - back];
    const std::string key = KeyOf(number);
    const auto id = machine.node->BeginRead({0, key}, kLevels, nullptr, now());
    if (id) machine.reads[*id] = number;
    ++result_.operations;
    Turn(at);
  }

  // The record after the one that it has, or a later one.
  void Adopt(size_t at) {
    Machine& machine = machines_[at];
    const uint64_t behind = records_.size() - machine.epoch;
    if (!runs(at) || behind == 0) return;
    machine.epoch += 1 + random_.Below(behind);
    const cluster::Ring ring = RingOf(records_[machine.epoch - 1]);
    machine.node->SetRing(ring, OwnershipOf(ring, IdOf(at)), now());
    Turn(at);
  }

  void Propose() {
    cluster::MemberStates states;
    for (size_t at = 0; at < kNodes; ++at) {
      cluster::MemberState& state = states[IdOf(at)];
      state.epoch = machines_[at].epoch;
      state.linked = runs(at);
      if (runs(at)) state.arrived = machines_[at].node->refill().Arrived();
      state.drained = true;
    }
    const Topology& chosen = Chosen();
    if (chosen.moves.empty()) ChooseTarget();
    auto next = NextMoves(chosen, target_, states, {.at_once = 64, .levels = kLevels});
    if (!next && random_.Percent(2) && !chosen.moves.empty()) next = Halted(chosen, "given up");
    if (!next) return;
    if (!next->halt.empty() && next->moves.empty()) next->halt.clear();
    StampEpochs(chosen, *next, records_.size() + 1);
    result_.faults += next->moves.size() > chosen.moves.size() ? 1 : 0;  // moves begun
    records_.push_back(*std::move(next));
  }

  // One of the owners is to be another.
  void ChooseTarget() {
    target_ = Chosen().owners;
    const auto row = RowOf(target_, Moving());
    std::vector<NodeId> owners(row.begin(), row.end());
    for (size_t at = 0; at < kNodes; ++at) {
      if (std::ranges::find(owners, IdOf(at)) != owners.end()) continue;
      owners[random_.Below(owners.size())] = IdOf(at);
      break;
    }
    SetRow(target_, Moving(), owners);
  }

  void PassTime(int64_t microseconds) {
    now_us_ += microseconds;
    for (size_t at = 0; at < kNodes; ++at) {
      if (!runs(at)) continue;
      machines_[at].node->OnTime(now());
      Turn(at);
    }
  }

  // ---- who runs

  void Start(size_t at) {
    Machine& machine = machines_[at];
    const cluster::Ring ring = RingOf(records_[machine.epoch - 1]);
    machine.store.emplace(*cluster::LocalStore::Open(
        *machine.engine, {.actor_seed = random_.Next(), .ownership = OwnershipOf(ring, IdOf(at))}));
    cluster::Node::Options options;
    options.self = IdOf(at);
    options.refill.levels = kLevels;
    options.refill.part_bytes = 50'000;
    options.refill.retry_us = 50'000;
    machine.node = std::make_unique<cluster::Node>(*machine.store, ring, options);
    for (size_t other = 0; other < kNodes; ++other) {
      if (other != at && runs(other)) LinkUp(at, other);
    }
  }

  // One at a time is away, and not for long.
  void KillOrStart() {
    for (size_t at = 0; at < kNodes; ++at) {
      if (!runs(at)) return Start(at);
    }
    if (!random_.Percent(20)) return;
    const size_t at = AnyNode();
    Machine& machine = machines_[at];
    machine.node.reset();
    machine.store.reset();
    machine.writes.clear();
    machine.reads.clear();
    for (size_t other = 0; other < kNodes; ++other) {
      if (other == at) continue;
      LinkDown(at, other);
    }
  }

  void BreakLink(size_t a, size_t b) {
    if (a == b || !runs(a) || !runs(b)) return;
    LinkDown(a, b);
    LinkUp(a, b);
  }
  void LinkDown(size_t a, size_t b) {
    wires_[{a, b}].clear();
    wires_[{b, a}].clear();
    if (runs(a)) machines_[a].node->PeerDown(IdOf(b), now());
    if (runs(b)) machines_[b].node->PeerDown(IdOf(a), now());
  }
  void LinkUp(size_t a, size_t b) {
    machines_[a].node->PeerUp(IdOf(b), now());
    machines_[b].node->PeerUp(IdOf(a), now());
  }

  // ---- turns and messages

  void Turn(size_t at) {
    Machine& machine = machines_[at];
    machine.node->Committed(machine.store->Commit().has_value(), false, now());
    while (const auto event = machine.node->NextEvent()) {
      if (const auto* written = std::get_if<cluster::Node::WriteDone>(&*event)) {
        OnWritten(machine, *written);
      } else if (const auto* read = std::get_if<cluster::Node::ReadDone>(&*event)) {
        OnRead(machine, at, *read);
      }
    }
    const auto touched = machine.node->peers().touched();
    for (const NodeId to : std::vector<NodeId>(touched.begin(), touched.end())) {
      const size_t other = static_cast<size_t>(to) - 1;
      std::string output = machine.node->peers().TakeOutput(to);
      if (runs(other)) Queue(at, other, output);
    }
  }
  void Queue(size_t from, size_t to, std::string_view output) {
    while (!output.empty()) {
      cluster::FrameReader reader;
      storage::Check(reader.Parse(output) == cluster::FrameReader::Status::kComplete,
                     "frames between nodes are whole");
      wires_[{from, to}].emplace_back(output.substr(0, reader.consumed()));
      output.remove_prefix(reader.consumed());
    }
  }
  void DeliverOne() {
    std::vector<std::pair<size_t, size_t>> busy;
    for (const auto& [wire, frames] : wires_) {
      if (!frames.empty() && !stalled_.contains(wire)) busy.push_back(wire);
    }
    if (busy.empty()) return;
    Deliver(busy[random_.Below(busy.size())]);
  }
  // What one says to another stays under way, or arrives again.
  void Stall() {
    constexpr size_t kMostStalled = 3;
    const std::pair wire{AnyNode(), AnyNode()};
    if (stalled_.erase(wire) == 0) stalled_.insert(wire);
    if (stalled_.size() > kMostStalled) stalled_.erase(stalled_.begin());
  }
  void DeliverAll() {
    for (bool any = true; any;) {
      any = false;
      for (auto& [wire, frames] : wires_) {
        if (frames.empty()) continue;
        any = true;
        Deliver(wire);
        break;
      }
    }
  }
  void Deliver(std::pair<size_t, size_t> wire) {
    const std::string frame = std::move(wires_[wire].front());
    wires_[wire].pop_front();
    cluster::FrameReader reader;
    std::ignore = reader.Parse(frame);
    const auto message = cluster::DecodeMessage(reader.frame());
    storage::Check(message.has_value(), "nodes send each other what they can decode");
    machines_[wire.second].node->OnMessage(IdOf(wire.first), *message, now());
    Turn(wire.second);
  }

  // ---- what was promised

  void OnWritten(Machine& machine, const cluster::Node::WriteDone& done) {
    const auto found = machine.writes.find(done.id);
    if (found == machine.writes.end()) return;
    if (done.outcome.kind == cluster::WriteOutcome::Kind::kAcknowledged) {
      acknowledged_.push_back(found->second);
      ++result_.acknowledged;
    } else {
      ++result_.uncertain;
    }
    machine.writes.erase(found);
  }
  // Only of what was acknowledged before it began.
  void OnRead(Machine& machine, size_t at, const cluster::Node::ReadDone& done) {
    const auto found = machine.reads.find(done.id);
    if (found == machine.reads.end()) return;
    const uint64_t number = found->second;
    machine.reads.erase(found);
    if (done.outcome.kind != cluster::ReadOutcome::Kind::kAnswered) {
      ++result_.failed;
    } else if (done.merged->versions.empty()) {
      result_.violations.push_back(
          {"P8 a read finds what was acknowledged before it", KeyOf(number),
           "read at node " + std::to_string(at) + " under epoch " + std::to_string(machine.epoch) +
               " of " + std::to_string(records_.size())});
    }
  }

  cluster::Random random_;
  int64_t now_us_ = 1'000'000;
  std::vector<Topology> records_;  // by epoch, from 1 on
  cluster::OwnerTable target_;
  std::array<Machine, kNodes> machines_;
  std::map<std::pair<size_t, size_t>, std::deque<std::string>> wires_;
  std::set<std::pair<size_t, size_t>> stalled_;
  uint64_t next_ = 1;
  std::vector<uint64_t> acknowledged_;
  WorldResult result_;
};

}  // namespace

WorldResult RunMoveWorld(const WorldOptions& options) {
  return MoveWorld(options.seed).Run();
}

}  // namespace cartwheel::sim
