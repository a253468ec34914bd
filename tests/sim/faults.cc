#include "tests/sim/faults.h"

#include <algorithm>
#include <array>
#include <utility>

namespace cartwheel::sim {
namespace {

// Until peers have found each other again and late packets have come.
constexpr int64_t kRecoveryUs = 3'000'000;
constexpr int64_t kMostUnsyncedUs = 2'500'000;
constexpr uint64_t kMostAtOnce = 2;
constexpr uint64_t kLoseAllPercent = 20;
constexpr uint64_t kLongPauseUs = 60'000'000;

constexpr std::array<std::string_view, kFaults> kNames = {
    "kill -9",          "clean stop",   "pause",           "power loss",    "disk wiped",
    "disk rolled back", "disk full",    "slow disk",       "disk fails",    "clock jumps",
    "clock drifts",     "slow network", "clients cut off", "node isolated", "one way",
    "single link cut",  "halves",       "bridge",          "majority ring"};

bool EndsProcess(Fault fault) {
  return fault == Fault::kKill || fault == Fault::kStop || fault == Fault::kLosePower ||
         fault == Fault::kWipeDisk || fault == Fault::kRollBack;
}
bool LosesAll(Fault fault) {
  return fault == Fault::kWipeDisk || fault == Fault::kRollBack;
}
bool NeedsPeers(Fault fault) {
  return fault >= Fault::kIsolate;
}
// A start does not: what is left of the log is made durable first.
bool HindersSyncs(Fault fault) {
  return fault == Fault::kPause || fault == Fault::kFullDisk || fault == Fault::kSlowDisk ||
         fault == Fault::kFailDisk;
}
bool OfClocks(Fault fault) {
  return fault == Fault::kJumpClock || fault == Fault::kDriftClock;
}

}  // namespace

std::string_view NameOf(Fault fault) {
  return kNames[static_cast<size_t>(fault)];
}

Faults::Faults(const Options& options, Cluster& cluster)
    : options_(options), cluster_(cluster), random_(options.seed) {}

void Faults::Begin() {
  ScheduleNext();
}

void Faults::ScheduleNext() {
  const auto wait_us =
      static_cast<int64_t>(random_.Below(2 * static_cast<uint64_t>(options_.between_us)));
  cluster_.scheduler().After(wait_us, FaultBegins{});
}

void Faults::OnEvent(const Event& event) {
  if (healed_) return;
  if (const auto* ends = std::get_if<FaultEnds>(&event)) return Undo(active_[ends->fault]);
  Strike();
  ScheduleNext();
}

void Faults::Strike() {
  // So that there is something to go back to.
  for (Host node = 0; node < cluster_.node_count(); ++node) {
    if (random_.Percent(5)) cluster_.node(node).machine().TakeSnapshot(cluster_.now_us());
  }
  constexpr uint64_t kOperatesPercent = 30;
  if (options_.moves && random_.Percent(kOperatesPercent)) return Operate();
  const auto at_work =
      std::ranges::count_if(active_, [](const Active& active) { return !active.over; });
  if (static_cast<uint64_t>(at_work) >= kMostAtOnce) return;
  const auto fault = static_cast<Fault>(random_.Below(kFaults));
  const Host node = random_.Below(cluster_.node_count());
  if (!IsPossible(fault, node)) return;
  // What a single node lost proves nothing any more.
  const bool spares = cluster_.node_count() == 1 && !random_.Percent(kLoseAllPercent);
  if (LosesAll(fault) && spares) return;
  cluster_.Tell("fault: " + std::string(NameOf(fault)) + ", node " + std::to_string(node));
  active_.push_back({.fault = fault, .node = node, .interval = intervals_.size()});
  intervals_.push_back({cluster_.now_us(), kNever});
  Apply(fault, node);
  uint64_t most_us = 4'000'000;
  if (fault == Fault::kPause && random_.Percent(20)) most_us = kLongPauseUs;
  cluster_.scheduler().After(100'000 + static_cast<int64_t>(random_.Below(most_us)),
                             FaultEnds{active_.size() - 1});
}

// Any of the members is told, also one that knows of no others at the moment.
void Faults::Operate() {
  using What = Node::Operate::What;
  const Host at = random_.Below(cluster_.node_count());
  const Host about = random_.Below(cluster_.node_count());
  Node::Operate operation{.what = What::kReweight, .node = NodeIdOf(about), .weight = 100};
  const uint64_t dice = random_.Below(100);
  if (dice < 70) {
    constexpr std::array<uint32_t, 4> kWeights = {1, 30, 100, 1000};
    operation.weight = kWeights[random_.Below(kWeights.size())];
  } else if (dice < 80 && !one_left_ && cluster_.node_count() > 4) {
    operation.what = What::kLeave;
    one_left_ = true;
  } else if (dice < 90) {
    operation.what = What::kCancel;
  }
  constexpr std::array<std::string_view, 5> kWords = {"weight of", "leaves:", "forget", "cancel",
                                                      "commit"};
  cluster_.Tell("operator at node " + std::to_string(at) + ": " +
                std::string(kWords[static_cast<size_t>(operation.what)]) + " node " +
                std::to_string(about) + " " + std::to_string(operation.weight));
  cluster_.Operate(at, operation);
  // The plan has to be agreed on first.
  constexpr int64_t kPlanned = 400'000;
  cluster_.scheduler().After(kPlanned, OperatorCommits{at});
}

bool Faults::IsPossible(Fault fault, Host node) const {
  const bool alone = cluster_.node_count() == 1;
  if (NeedsPeers(fault) && cluster_.node_count() < 3) return false;
  if (OfClocks(fault) && !options_.clocks) return false;
  if (!cluster_.node(node).running() || cluster_.paused(node)) return false;
  // The nodes beside it: one process may be away at a time where two copies must answer.
  const bool another_is_away = std::ranges::any_of(
      active_, [&](const Active& active) { return !active.over && EndsProcess(active.fault); });
  if (EndsProcess(fault) && another_is_away) return false;
  if (options_.in_memory && (EndsProcess(fault) || fault == Fault::kFailDisk)) {
    return alone && fault == Fault::kKill;
  }
  if (fault == Fault::kRollBack && !cluster_.node(node).machine().has_snapshot()) return false;
  const bool lost_any = lost_data_ || (lost_power_at_us_ && !options_.durable_at_once);
  if (LosesAll(fault) && !alone && lost_any && !options_.rebuilds) return false;
  if (LosesAll(fault) || fault == Fault::kLosePower) {
    return alone || options_.durable_at_once || OthersAreDurable(node);
  }
  return true;
}

// Whoever lost the last second or two lost writes that are on the disks of others by now.
bool Faults::OthersAreDurable(Host node) const {
  if (!lost_power_at_us_) return true;
  for (Host other = 0; other < cluster_.node_count(); ++other) {
    if (other == node) continue;
    if (cluster_.node(other).machine().durable_until_us() < *lost_power_at_us_) return false;
  }
  return true;
}

void Faults::Apply(Fault fault, Host node) {
  Machine& machine = cluster_.node(node).machine();
  const int64_t now_us = cluster_.now_us();
  switch (fault) {
    case Fault::kKill:
      if (options_.in_memory) Excuse(0);
      return cluster_.Kill(node);
    case Fault::kStop: return cluster_.Stop(node);
    case Fault::kPause: return cluster_.Pause(node);
    case Fault::kLosePower:
    case Fault::kWipeDisk:
    case Fault::kRollBack: return LoseData(fault, node);
    case Fault::kFullDisk: return machine.FillDisk(random_.Below(20'000));
    case Fault::kSlowDisk:
      return machine.SetSyncTime(static_cast<int64_t>(random_.Below(5'000'000)) + 1);
    case Fault::kFailDisk: return machine.FailDisk();
    case Fault::kJumpClock:
      clocks_were_wrong_ = true;
      return machine.clock().JumpWall(now_us,
                                      static_cast<int64_t>(random_.Below(20'000'000)) - 10'000'000);
    case Fault::kDriftClock:
      clocks_were_wrong_ = true;
      return machine.clock().SetDrift(now_us,
                                      static_cast<int64_t>(random_.Below(100'000)) - 50'000);
    case Fault::kSlowNetwork:
      return cluster_.network().SetSlowness(node, 2 + static_cast<uint32_t>(random_.Below(200)));
    default: return ApplyToNetwork(fault, node);
  }
}

void Faults::LoseData(Fault fault, Host node) {
  Machine& machine = cluster_.node(node).machine();
  const bool alone = cluster_.node_count() == 1;
  const int64_t durable_us = machine.durable_until_us();
  cluster_.LosePower(node);
  cluster_.dots().LoseStore(node);
  cluster_.owed().LoseStore(node);
  lost_power_at_us_ = cluster_.now_us();
  if (fault == Fault::kLosePower) {
    // Once lost, at every start: a new actor that has written nothing is not yet stored.
    machine.Reboot();
    if (alone && !options_.durable_at_once) Excuse(std::max(durable_us, EarliestLoss()));
    return;
  }
  lost_data_ = true;
  machine.Reboot();
  if (alone) Excuse(fault == Fault::kWipeDisk ? 0 : machine.snapshot_at_us());
  machine.restored = fault == Fault::kRollBack;
  machine.restored ? machine.RollBack() : machine.Wipe();
}

// Where nothing hindered it, everysec keeps what is older than this.
int64_t Faults::EarliestLoss() const {
  const int64_t now_us = cluster_.now_us();
  const int64_t since_us = now_us - 2 * kMostUnsyncedUs;
  for (const Active& active : active_) {
    if (HindersSyncs(active.fault) && intervals_[active.interval].end_us >= since_us) return 0;
  }
  return now_us - kMostUnsyncedUs;
}

void Faults::Excuse(int64_t begin_us) {
  excuses_.push_back({begin_us, cluster_.now_us()});
}

void Faults::BlockBoth(Host a, Host b) {
  cluster_.network().Block(a, b);
  cluster_.network().Block(b, a);
}

std::vector<Host> Faults::ShuffledNodes() {
  std::vector<Host> nodes;
  nodes.reserve(cluster_.node_count());
  for (Host node = 0; node < cluster_.node_count(); ++node) nodes.push_back(node);
  for (size_t i = nodes.size() - 1; i > 0; --i) std::swap(nodes[i], nodes[random_.Below(i + 1)]);
  return nodes;
}

void Faults::ApplyToNetwork(Fault fault, Host node) {
  const std::vector<Host> nodes = ShuffledNodes();
  const size_t count = nodes.size();
  // Sides of the bridge are two halves of those that are not it.
  const size_t half = (fault == Fault::kBridge ? count - 1 : count) / 2;
  const Host other = nodes[0] == node ? nodes[count - 1] : nodes[0];
  const auto cut_if = [&](auto is_cut) {
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = i + 1; j < count; ++j) {
        if (is_cut(i, j)) BlockBoth(nodes[i], nodes[j]);
      }
    }
  };
  switch (fault) {
    case Fault::kCutClients:
      for (size_t i = 0; i < cluster_.client_count(); ++i) {
        BlockBoth(node, cluster_.HostOfClient(i));
      }
      return;
    case Fault::kIsolate:
      return cut_if([&](size_t i, size_t j) { return nodes[i] == node || nodes[j] == node; });
    case Fault::kOneWay: return cluster_.network().Block(node, other);
    case Fault::kSingleLink: return BlockBoth(node, other);
    case Fault::kHalves:
    case Fault::kBridge:
      // The bridge is the last one, on neither side.
      cut_if([&](size_t i, size_t j) {
        return i < half && j >= half && (fault == Fault::kHalves || j + 1 < count);
      });
      if (fault == Fault::kBridge) return;
      for (size_t i = 0; i < cluster_.client_count(); ++i) {
        const bool first = random_.Percent(50);
        for (size_t j = 0; j < count; ++j) {
          if ((j < half) != first) BlockBoth(nodes[j], cluster_.HostOfClient(i));
        }
      }
      return;
    case Fault::kMajorityRing:
      return cut_if([&](size_t i, size_t j) {
        const size_t apart = std::min(j - i, count - (j - i));
        return apart > (count / 2 + 1) / 2;
      });
    default: return;
  }
}

void Faults::Undo(Active& active) {
  if (std::exchange(active.over, true)) return;
  cluster_.Tell("over: " + std::string(NameOf(active.fault)));
  Machine& machine = cluster_.node(active.node).machine();
  switch (active.fault) {
    case Fault::kKill:
    case Fault::kStop:
    case Fault::kLosePower:
    case Fault::kWipeDisk:
    case Fault::kRollBack: cluster_.Start(active.node); break;
    case Fault::kPause: cluster_.Resume(active.node); break;
    case Fault::kFullDisk: machine.EmptyDisk(); break;
    case Fault::kSlowDisk: machine.SetSyncTime(1000); break;
    case Fault::kFailDisk:
      // It may not have struck yet, and only a restart heals what it did.
      cluster_.Kill(active.node);
      cluster_.Start(active.node);
      break;
    case Fault::kJumpClock:
    case Fault::kDriftClock: machine.clock().Correct(cluster_.now_us()); break;
    default:
      // The network heals as a whole.
      cluster_.network().Heal();
  }
  intervals_[active.interval].end_us = cluster_.now_us() + kRecoveryUs;
}

void Faults::HealAll() {
  healed_ = true;
  for (Active& active : active_) Undo(active);
  cluster_.network().Heal();
  for (Host node = 0; node < cluster_.node_count(); ++node) {
    cluster_.Resume(node);
    cluster_.Start(node);
  }
}

}  // namespace cartwheel::sim
