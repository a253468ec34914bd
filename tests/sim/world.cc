#include "tests/sim/world.h"

#include <algorithm>
#include <set>
#include <utility>

#include "cluster/slot.h"
#include "server/command.h"
#include "server/log.h"
#include "tests/sim/check_counters.h"
#include "tests/sim/check_reads.h"
#include "tests/sim/check_replicas.h"
#include "tests/sim/check_writes.h"
#include "tests/sim/faults.h"
#include "tests/sim/story.h"

namespace cartwheel::sim {
namespace {

// A run that does not come to its operations (all nodes stand still) heals after so long.
constexpr int64_t kLongestUs = 120'000'000;
constexpr int64_t kAuditUs = 1'000'000;
// From the healing until what failed is retried, hints are delivered, and nobody waits any more.
// Clocks may have been ten seconds ahead, and what they stamped is refused for as long.
constexpr int64_t kQuietUs = 25'000'000;
constexpr int64_t kPatienceUs = 60'000'000;
constexpr int kMostReads = 8;

class World {
 public:
  explicit World(const WorldOptions& options);

  WorldResult Run();

 private:
  ClusterSetup Setup();
  Faults::Options FaultOptions();
  void RunWorkload();
  void Heal();
  void CompareOwners();
  void Ask(std::vector<Command> commands);
  void ReadUntilRepaired();
  bool Converged();
  bool RunUntil(int64_t until_us);
  // Looks into the nodes' stores.
  void Audit();
  std::vector<Replica> OwnersOf(const std::string& key);
  void Judge(WorldResult& result);
  Evidence Gather();
  void ReadEnd(const std::string& key, const std::vector<Replica>& owners, Evidence& evidence);
  bool MayBeForgotten(const std::string& key);
  void CheckDelivered();
  uint64_t Hints();

  const WorldOptions options_;
  cluster::Random random_;
  const bool durable_at_once_;
  const bool right_clocks_;
  cluster::Levels levels_;
  Cluster cluster_;
  Faults faults_;
  std::set<std::string> keys_;
  Violations undelivered_;
  Violations unequal_;
  int64_t healed_us_ = kNever;
  size_t keys_seen_ = 0;  // operations whose keys are in keys_
};

World::World(const WorldOptions& options)
    : options_(options),
      random_(options.seed * 0x9e3779b97f4a7c15 + 1),
      durable_at_once_(random_.Percent(40)),
      right_clocks_(random_.Percent(40)),
      cluster_(Setup()),
      faults_(FaultOptions(), cluster_) {}

ClusterSetup World::Setup() {
  ClusterSetup setup;
  setup.seed = random_.Next();
  setup.nodes = options_.nodes;
  setup.clients = 3 + options_.nodes;
  setup.levels = levels_;
  server::Config& config = setup.config;
  config.protected_mode = false;
  if (options_.in_memory) config.save = "";
  config.cluster_move_bandwidth = 0;
  // Of its own, so that the rest of a seed's story does not hang on it.
  cluster::Random intervals(options_.seed ^ 0xa5a5a5a5);
  config.cluster_repair_interval =
      intervals.Percent(30) ? 0 : static_cast<int64_t>(1 + intervals.Below(20));
  config.appendfsync =
      durable_at_once_ ? storage::Durability::kAlways : storage::Durability::kEverySecond;
  // So that data are flushed several times in a run.
  // (Seldom where each new segment of the log begins with four megabytes of zeros.)
  config.checkpoint_log_size = (durable_at_once_ ? 20'000 : 2000) + random_.Below(60'000);
  config.checkpoint_interval = random_.Percent(50) ? (durable_at_once_ ? 9 : 2) : 0;
  for (Host host = 0; host < options_.nodes; ++host) {
    const int64_t skew_us = static_cast<int64_t>(random_.Below(400'000)) - 200'000;
    setup.skews_us.push_back(right_clocks_ ? 0 : skew_us);
  }
  setup.contexts = server::FindCommand("DYN.GET") != nullptr;
  setup.replays = random_.Percent(25);
  setup.moves = options_.moves && options_.nodes > 1;
  if (setup.moves) setup.moves_at_once = random_.Percent(50) ? 1024 : 200;
  setup.tells_messages = options_.tells_messages;
  return setup;
}

Faults::Options World::FaultOptions() {
  return {.seed = random_.Next(),
          .durable_at_once = durable_at_once_,
          .in_memory = options_.in_memory,
          .clocks = !right_clocks_,
          .rebuilds = options_.rebuilds,
          .moves = options_.moves && options_.nodes > 1};
}

// False: the time has come.
bool World::RunUntil(int64_t until_us) {
  const auto event = cluster_.RunUntil(until_us);
  if (!event) return false;
  faults_.OnEvent(*event);
  return true;
}

void World::RunWorkload() {
  if (options_.faults) faults_.Begin();
  while (cluster_.history().size() < options_.operations && cluster_.now_us() < kLongestUs) {
    const int64_t until_us = cluster_.now_us() + kAuditUs;
    while (RunUntil(until_us)) {
    }
    Audit();
  }
}

// What was deleted or has expired may be forgotten, and the key begun anew.
bool World::MayBeForgotten(const std::string& key) {
  return std::ranges::any_of(cluster_.history(), [&key](const Operation& operation) {
    return operation.key == key && (operation.deletes() || operation.expires);
  });
}

uint64_t World::Hints() {
  uint64_t hints = 0;
  for (Host host = 0; host < options_.nodes; ++host) {
    if (cluster_.node(host).running()) hints += cluster_.node(host).hints();
  }
  return hints;
}

void World::Heal() {
  cluster_.Tell("everything is healed");
  faults_.HealAll();
  for (size_t i = 0; i < cluster_.client_count(); ++i) cluster_.client(i).StopWorkload();
  const int64_t until_us = cluster_.now_us() + kQuietUs;
  while (RunUntil(until_us)) {
  }
  const int64_t latest_us = cluster_.now_us() + kPatienceUs;
  while ((Hints() > 0 || !cluster_.IsSettled()) && cluster_.now_us() < latest_us) {
    const int64_t next_us = cluster_.now_us() + kAuditUs;
    while (RunUntil(next_us)) {
    }
  }
  healed_us_ = cluster_.now_us();
}

// All that the owners of a key hold is equal once they have compared it, whoever reads it or not.
// Once more after the first time: what one of them has learnt from another a third one lacks.
void World::CompareOwners() {
  if (options_.nodes == 1) return;
  cluster_.Tell("owners compare");
  constexpr int kTimes = 2;
  for (int i = 0; i < kTimes; ++i) {
    for (Host host = 0; host < options_.nodes; ++host) {
      for (const std::string& key : keys_) {
        cluster_.Operate(host, {.what = Node::Operate::What::kRepair,
                                .partition = cluster::PartitionOfKey(key)});
      }
    }
    const int64_t latest_us = cluster_.now_us() + kPatienceUs;
    const auto busy = [&] {
      for (Host host = 0; host < options_.nodes; ++host) {
        if (cluster_.node(host).running() && cluster_.node(host).compares()) return true;
      }
      return false;
    };
    do {
      const int64_t next_us = cluster_.now_us() + kAuditUs;
      while (RunUntil(next_us)) {
      }
    } while (busy() && cluster_.now_us() < latest_us);
    Audit();
  }
  for (const std::string& key : keys_) {
    const Violations found = CheckCompared(key, OwnersOf(key));
    unequal_.insert(unequal_.end(), found.begin(), found.end());
  }
}

// Through clients at several nodes: what they are shown must be right too, and reading repairs.
void World::Ask(std::vector<Command> commands) {
  size_t next = 0;
  for (Command& command : commands) {
    cluster_.client(next++ % cluster_.client_count()).Enqueue(std::move(command));
  }
  for (size_t i = 0; i < cluster_.client_count(); ++i) cluster_.Wake(i);
  const int64_t latest_us = cluster_.now_us() + kPatienceUs;
  const auto busy = [&] {
    for (size_t i = 0; i < cluster_.client_count(); ++i) {
      if (!cluster_.client(i).idle()) return true;
    }
    return false;
  };
  while (busy() && cluster_.now_us() < latest_us) {
    const int64_t next_us = cluster_.now_us() + kAuditUs;
    while (RunUntil(next_us)) {
    }
  }
  const int64_t repaired_us = cluster_.now_us() + 2 * kAuditUs;
  while (RunUntil(repaired_us)) {
  }
}

bool World::Converged() {
  return std::ranges::all_of(
      keys_, [&](const std::string& key) { return CheckConvergence(key, OwnersOf(key)).empty(); });
}

// An answer that comes too late for its read has no part in the repair.
void World::ReadUntilRepaired() {
  for (int i = 0; i < kMostReads; ++i) {
    Ask(cluster_.workload().ReadAll());
    if (Converged()) return;
  }
}

void World::Audit() {
  const History& history = cluster_.history();
  for (; keys_seen_ < history.size(); ++keys_seen_) keys_.insert(history[keys_seen_].key);
  for (Host host = 0; host < options_.nodes; ++host) {
    Node& node = cluster_.node(host);
    if (!node.running()) continue;
    for (const std::string& key : keys_) {
      const auto container = node.store().ReadContainer({0, key});
      if (container) cluster_.dots().NoteStore(key, **container, host);
    }
    for (const OwedRegister::Debt& debt : node.Owed()) cluster_.owed().Note(host, debt);
  }
}

std::vector<Replica> World::OwnersOf(const std::string& key) {
  std::vector<Replica> replicas;
  const auto partition = cluster::PartitionOf(cluster::SlotOf(key));
  for (const cluster::NodeId owner : cluster_.ring().OwnersOf(partition)) {
    Node& node = cluster_.node(HostOf(owner));
    Replica replica{.owner = "node " + std::to_string(HostOf(owner)), .container = {}};
    if (node.running()) {
      const auto container = node.store().ReadContainer({0, key});
      replica.damaged = !container;
      if (container) replica.container = **container;
    }
    replica.has_record = !replica.container.context.empty();
    replicas.push_back(std::move(replica));
  }
  return replicas;
}

void World::ReadEnd(const std::string& key, const std::vector<Replica>& owners,
                    Evidence& evidence) {
  cluster::Container together;
  for (const Replica& owner : owners) together = cluster::Sync(together, owner.container);
  if (together.context.empty()) return;
  KeyEnd& end = evidence.end[key];
  for (const cluster::Version& version : together.versions) {
    // An integer is what is left of counters.
    if (key.front() != 'c') end.live.emplace_back(version.bytes);
  }
  end.sum = together.counter.Sum();
}

Evidence World::Gather() {
  Evidence evidence{.history = cluster_.history(),
                    .end = {},
                    .faults = faults_.intervals(),
                    .alone = options_.nodes == 1,
                    .strict = levels_.r + levels_.w > levels_.n,
                    .right_clocks = right_clocks_ && !faults_.clocks_were_wrong(),
                    .copies_lost_us = faults_.copies_lost_us(),
                    .healed_us = healed_us_};
  // Until then a node may take for dead whom it has not met.
  evidence.faults.push_back({0, cluster_.formed_us()});
  for (Operation& operation : evidence.history) {
    if (operation.outcome != Outcome::kOk || operation.reads()) continue;
    const bool excused = std::ranges::any_of(faults_.excuses(), [&](const Interval& excuse) {
      return excuse.begin_us <= operation.returned_us && operation.invoked_us <= excuse.end_us;
    });
    if (excused) operation.outcome = Outcome::kUncertain;
  }
  return evidence;
}

// Before anything is read, as reads repair: what nodes owed has reached its target.
void World::CheckDelivered() {
  for (const auto& [key, target, dot] : cluster_.owed().All()) {
    Node& node = cluster_.node(target);
    if (!cluster_.ring().Owns(NodeIdOf(target), cluster::PartitionOfKey(key))) continue;
    if (!node.running() || node.Has(key, dot, MayBeForgotten(key))) continue;
    undelivered_.push_back({"P11 no hint is dropped unseen", key,
                            "node " + std::to_string(target) + " was owed a write that it lacks"});
  }
}

void World::Judge(WorldResult& result) {
  Evidence evidence = Gather();
  Violations& all = result.violations;
  const auto add = [&all](const Violations& found) {
    all.insert(all.end(), found.begin(), found.end());
  };
  add(cluster_.violations());
  add(cluster_.dots().violations());
  add(undelivered_);
  add(unequal_);
  if (!cluster_.IsSettled()) {
    all.push_back({"moves come to an end", "", cluster_.WhyUnsettled()});
  }
  for (const std::string& key : keys_) {
    const std::vector<Replica> owners = OwnersOf(key);
    add(CheckConvergence(key, owners));
    if (faults_.excuses().empty() && !MayBeForgotten(key)) {
      add(CheckAllArrived(key, owners, cluster_.dots().StoredDotsOf(key)));
    }
    ReadEnd(key, owners, evidence);
  }
  for (Host host = 0; host < options_.nodes; ++host) {
    if (!cluster_.node(host).running() || cluster_.node(host).hints() == 0) continue;
    const auto owed = cluster_.node(host).Owed();
    all.push_back({"P11 hints reach 0", owed.empty() ? "" : owed.front().key,
                   "node " + std::to_string(host) + " still has " +
                       std::to_string(cluster_.node(host).hints())});
  }
  add(CheckLostWrites(evidence));
  add(CheckResurrections(evidence));
  add(CheckPhantoms(evidence));
  add(CheckCounters(evidence));
  add(CheckSessions(evidence));
  add(CheckStrictReads(evidence));
  add(CheckHealedReads(evidence));
  add(CheckListings(evidence));
  for (const Operation& operation : evidence.history) {
    ++result.operations;
    if (operation.outcome == Outcome::kOk) ++result.acknowledged;
    if (operation.outcome == Outcome::kUncertain) ++result.uncertain;
    if (operation.outcome == Outcome::kFailed) ++result.failed;
  }
  if (all.empty() && options_.key.empty()) return;
  const std::string key = options_.key.empty() ? all.front().key : options_.key;
  auto told = cluster_.told();
  for (auto& line : cluster_.messages().About(key)) told.push_back(std::move(line));
  result.story = TellStory(evidence, key, told);
}

WorldResult World::Run() {
  RunWorkload();
  Heal();
  CheckDelivered();
  CompareOwners();
  // Before anything is repaired.
  Ask(cluster_.workload().ReadOnce());
  ReadUntilRepaired();
  Audit();
  WorldResult result;
  result.faults = faults_.intervals().size();
  Judge(result);
  result.trace = cluster_.trace().hash();
  result.virtual_us = cluster_.now_us();
  return result;
}

}  // namespace

WorldResult RunWorld(const WorldOptions& options) {
  return World(options).Run();
}

}  // namespace cartwheel::sim
