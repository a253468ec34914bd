// Random histories of three owners and a fallback: writes anywhere, copies that come late, twice or
// only as hints, failed commits, restarts, deletions that are forgotten. In the end every copy is
// delivered, and every owner has to hold exactly the writes that no later one had seen.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/bases.h"
#include "cluster/local_store.h"
#include "cluster/owned_container.h"
#include "cluster/store_key.h"
#include "storage/faulty_engine.h"
#include "storage/memory_engine.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

constexpr size_t kOwners = 3;
constexpr size_t kNodes = 5;  // the others are fallbacks
constexpr int kKeys = 4;

NodeId IdOf(size_t node) {
  return NodeId{node + 1};
}

// What a history may not do, to see that the checks find it.
enum class Fault { kNone, kHintsForgotten, kForgottenTooEarly, kHintAlwaysDone };

class World {
 public:
  World(uint64_t seed, Fault fault)
      : random_(seed), fault_(fault), commits_fail_(random_.Percent(50)) {
    for (int i = 0; i < kKeys; ++i) keys_.push_back("{tag}" + std::to_string(i));
    for (size_t i = 0; i < kNodes; ++i) {
      nodes_.push_back(std::make_unique<Node>());
      Open(i);
      At(i).MarkComplete(ThePartition());  // a new cluster, where all know it
    }
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      Step();
      if (i % 50 == 49) CalmDown();
    }
    Heal();
  }
  // What is wrong in the end; empty: nothing.
  std::vector<std::string> Faults();
  size_t forgotten() const { return forgotten_; }

 private:
  struct Node {
    storage::FaultyEngine engine{storage::NewMemoryEngine()};
    std::optional<LocalStore> store;
    Bases bases;
  };
  struct Copy {
    std::string key;
    OwnedContainer container;
    DotList dots;
  };
  struct Sent {
    size_t to;
    std::optional<NodeId> for_owner;  // to a fallback
    Copy copy;
  };
  struct Event {
    Dot dot;
    int64_t delta;  // 0: no increment
    bool is_value;
    OwnedContainer after;  // at its replica
  };

  static Ownership OwnershipOf(size_t node) {
    Ownership ownership{.alone = false, .owned = {}};
    if (node < kOwners) ownership.owned.set();
    return ownership;
  }
  void Open(size_t node) {
    nodes_[node]->store = *LocalStore::Open(
        nodes_[node]->engine, {.actor_seed = ++seeds_ * 7919, .ownership = OwnershipOf(node)});
  }
  LocalStore& At(size_t node) { return *nodes_[node]->store; }
  Partition ThePartition() { return PartitionOf(SlotOf(keys_[0])); }

  // False: nothing of the turn was done.
  bool Commit(size_t node) {
    if (!healing_ && commits_fail_ && random_.Percent(5)) {
      nodes_[node]->engine.FailCommits(storage::Error::Kind::kNoSpace);
    }
    const bool committed = At(node).Commit().has_value();
    nodes_[node]->engine.FailCommits(storage::Error::Kind::kNoSpace, 0);
    return committed;
  }

  void Step();
  void WriteAnywhere();
  void Write(size_t node, const std::string& key);
  Change AnyChange(int64_t& delta, bool& is_value);
  void Spread(size_t from, const Copy& copy);
  void Deliver(size_t index);
  void DeliverHint(size_t node);
  void Gossip(size_t from);
  void Forget(size_t node);
  void CalmDown();
  void Heal();
  std::set<Dot> ExpectedLive(const std::string& key);
  int64_t ExpectedSum(const std::string& key);

  Random random_;
  Fault fault_;
  // Each leaves a number that no peer ever receives, and so an end to forgetting.
  bool commits_fail_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<std::string> keys_;
  std::vector<Sent> sent_;
  std::vector<Sent> late_;  // once more, after a calm time
  std::map<std::string, std::vector<Event>> events_;
  uint64_t seeds_ = 0;
  int64_t now_ms_ = 1'700'000'000'000;
  bool healing_ = false;
  size_t forgotten_ = 0;
};

void World::Step() {
  now_ms_ += static_cast<int64_t>(random_.Below(3));
  const uint64_t choice = random_.Below(100);
  if (choice < 25) return WriteAnywhere();
  if (choice < 65 && !sent_.empty()) return Deliver(random_.Below(sent_.size()));
  if (choice < 80) return DeliverHint(random_.Below(kNodes));
  if (choice < 90) return Gossip(random_.Below(kOwners));
  if (choice < 97) return Forget(random_.Below(kOwners));
  Open(random_.Below(kNodes));  // a restart: what is not committed is not there anyway
}

Change World::AnyChange(int64_t& delta, bool& is_value) {
  const uint64_t choice = random_.Below(10);
  if (choice < 4) {
    is_value = true;
    return Change::PutOwned("word" + std::to_string(random_.Below(1000)), kNoExpiry);
  }
  if (choice < 7) return Change::Delete();
  delta = 1 + static_cast<int64_t>(random_.Below(9));
  return Change::Add(delta);
}

void World::WriteAnywhere() {
  const size_t node = random_.Percent(80) ? random_.Below(kOwners) : random_.Below(kNodes);
  Write(node, keys_[random_.Below(keys_.size())]);
}

void World::Write(size_t node, const std::string& key) {
  LocalStore& store = At(node);
  // Half of the writers have read here, the others elsewhere and earlier.
  Seen seen;
  const bool elsewhere = random_.Percent(30);
  if (elsewhere && !events_[key].empty()) {
    const auto& events = events_[key];
    seen = SeenOf(events[random_.Below(events.size())].after.get());
  }
  int64_t delta = 0;
  bool is_value = false;
  const Change change = AnyChange(delta, is_value);
  store.Write({0, key}, change, now_ms_, elsewhere ? &seen : nullptr);
  const DotList dots = store.minted();
  if (dots.empty()) {
    Commit(node);
    return;
  }
  const Copy copy{key, OwnedContainer(**store.ReadContainer({0, key})), dots};
  // Who stands in for an owner owes it the copy from the beginning.
  if (node >= kOwners && fault_ != Fault::kHintsForgotten) {
    for (size_t owner = 0; owner < kOwners; ++owner) {
      EXPECT_TRUE(store.AddHint(IdOf(owner), {0, key}, dots, now_ms_));
    }
  }
  if (!Commit(node)) return;
  events_[key].push_back({dots.back(), delta, is_value, copy.container});
  if (node < kOwners) Spread(node, copy);
}

// To every other owner, or to a fallback, or kept for it.
void World::Spread(size_t from, const Copy& copy) {
  for (size_t owner = 0; owner < kOwners; ++owner) {
    if (owner == from) continue;
    const uint64_t choice = random_.Below(10);
    if (choice < 6) {
      sent_.push_back({owner, std::nullopt, copy});
      if (random_.Percent(20)) sent_.push_back({owner, std::nullopt, copy});
      if (random_.Percent(40)) late_.push_back({owner, std::nullopt, copy});
    } else if (choice < 8) {
      sent_.push_back({kOwners + random_.Below(kNodes - kOwners), IdOf(owner), copy});
    } else if (fault_ != Fault::kHintsForgotten) {
      // A failed commit here is tried again until it is not.
      do {
        At(from).AddHint(IdOf(owner), {0, copy.key}, copy.dots, now_ms_);
      } while (!Commit(from));
    }
  }
}

void World::Deliver(size_t index) {
  const Sent sent = sent_[index];
  LocalStore& store = At(sent.to);
  const auto applied =
      store.Apply({0, sent.copy.key}, sent.copy.container.get(), sent.copy.dots, now_ms_);
  ASSERT_TRUE(applied.has_value());
  if (sent.for_owner) {
    EXPECT_TRUE(store.AddHint(*sent.for_owner, {0, sent.copy.key}, sent.copy.dots, now_ms_));
  }
  if (!Commit(sent.to)) return;
  if (!healing_ && random_.Percent(15)) return;  // its answer is lost: it comes again
  sent_.erase(sent_.begin() + static_cast<std::ptrdiff_t>(index));
}

void World::DeliverHint(size_t node) {
  LocalStore& store = At(node);
  for (const auto& [target, waiting] : store.hints().waiting()) {
    if (!healing_ && random_.Percent(40)) continue;
    const auto hints = store.hints().Next(target, {}, 1 + random_.Below(3));
    if (hints.empty()) continue;
    const Hint& hint = hints.back();
    const std::string key(DecodeStoreKey(hint.store_key)->key);
    const OwnedContainer copy(**store.ReadContainer({0, key}));
    // Meanwhile the key may be written.
    if (!healing_ && random_.Percent(20)) Write(node, key);
    const size_t to = static_cast<size_t>(target) - 1;
    ASSERT_TRUE(At(to).Apply({0, key}, copy.get(), hint.dots, now_ms_).has_value());
    if (!Commit(to)) continue;
    Hint done = hint;
    if (fault_ == Fault::kHintAlwaysDone) {
      for (const Hint& now : store.hints().Next(target, {}, 100)) {
        if (now.store_key == hint.store_key) done = now;
      }
    }
    store.HintDelivered(done);
    Commit(node);
  }
}

void World::Gossip(size_t from) {
  const OwnerWord told = WordOf(At(from).VnodeOf(ThePartition()));
  for (size_t to = 0; to < kOwners; ++to) {
    if (to == from) continue;
    nodes_[to]->bases.Heard(IdOf(from), told, At(to).VnodeOf(ThePartition()).received);
  }
}

void World::Forget(size_t node) {
  std::vector<NodeId> others;
  for (size_t owner = 0; owner < kOwners; ++owner) {
    if (owner != node && fault_ != Fault::kForgottenTooEarly) others.push_back(IdOf(owner));
  }
  const Floor floor = nodes_[node]->bases.FloorOf(others, At(node).VnodeOf(ThePartition()));
  std::string after;
  do {
    forgotten_ += At(node).Forget(ThePartition(), floor, 1 + random_.Below(3), after).forgotten;
  } while (!after.empty());
  Commit(node);
}

// Everything arrives, and deletions are forgotten. Then copies come that are long out of date.
void World::CalmDown() {
  Heal();
  for (int round = 0; round < 2; ++round) {
    for (size_t owner = 0; owner < kOwners; ++owner) Gossip(owner);
  }
  for (size_t owner = 0; owner < kOwners; ++owner) Forget(owner);
  healing_ = false;
  for (Sent& late : late_) sent_.push_back(std::move(late));
  late_.clear();
}

void World::Heal() {
  healing_ = true;
  while (!sent_.empty()) Deliver(0);
  for (int round = 0; round < 200; ++round) {
    for (size_t node = 0; node < kNodes; ++node) DeliverHint(node);
  }
}

// Those that no write had seen and left out.
std::set<Dot> World::ExpectedLive(const std::string& key) {
  std::set<Dot> live;
  for (const Event& event : events_[key]) {
    if (!event.is_value) continue;
    const bool gone = std::ranges::any_of(events_[key], [&](const Event& other) {
      const Container& after = other.after.get();
      return after.context.Covers(event.dot) && after.Find(event.dot) == nullptr;
    });
    if (!gone) live.insert(event.dot);
  }
  return live;
}

// Likewise of increments: those that are in the total of an entry and not in its reset, wherever.
int64_t World::ExpectedSum(const std::string& key) {
  int64_t sum = 0;
  for (const Event& event : events_[key]) {
    if (event.delta == 0) continue;
    const bool gone = std::ranges::any_of(events_[key], [&](const Event& other) {
      return std::ranges::any_of(other.after.get().counter.entries(), [&](const auto& entry) {
        return entry.first.actor == event.dot.actor && entry.first.number <= event.dot.number &&
               event.dot.number <= entry.reset.number;
      });
    });
    if (!gone) sum += event.delta;
  }
  return sum;
}

std::vector<std::string> World::Faults() {
  std::vector<std::string> faults;
  for (const std::string& key : keys_) {
    const std::set<Dot> live = ExpectedLive(key);
    const int64_t sum = ExpectedSum(key);
    for (size_t node = 0; node < kNodes; ++node) {
      const Container& container = **At(node).ReadContainer({0, key});
      const std::string where = key + " at " + std::to_string(node);
      if (node >= kOwners) {
        if (!container.context.empty()) faults.push_back(where + ": kept by a fallback");
        continue;
      }
      std::set<Dot> found;
      for (const Version& version : container.versions) found.insert(version.dot);
      if (found != live) faults.push_back(where + ": other versions");
      if (container.counter.Sum() != sum) faults.push_back(where + ": another count");
    }
  }
  for (size_t node = 0; node < kNodes; ++node) {
    uint64_t keys = 0;
    for (const std::string& key : keys_) {
      if (!(**At(node).ReadContainer({0, key})).IsDeleted()) ++keys;
    }
    const auto where = "node " + std::to_string(node);
    if (At(node).counts(0).keys != keys) faults.push_back(where + ": wrong counts");
    if (!At(node).hints().waiting().empty()) faults.push_back(where + ": hints are left");
    if (!Hints(nodes_[node]->engine).waiting().empty()) {
      faults.push_back(where + ": hints are left on the disk");
    }
  }
  return faults;
}

class ReplicaProperty : public testing::TestWithParam<uint64_t> {};

TEST_P(ReplicaProperty, OwnersEndWithTheWritesThatNoOtherHadSeen) {
  size_t forgotten = 0;
  for (uint64_t i = 0; i < 12; ++i) {
    World world(GetParam() * 1000 + i, Fault::kNone);
    world.Run(250);
    ASSERT_FALSE(HasFatalFailure());
    for (const std::string& fault : world.Faults()) {
      ADD_FAILURE() << "seed " << GetParam() * 1000 + i << ": " << fault;
    }
    if (HasFailure()) return;
    forgotten += world.forgotten();
  }
  EXPECT_GT(forgotten, 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ReplicaProperty, testing::Range<uint64_t>(1, 9));

class PlantedFault : public testing::TestWithParam<Fault> {};

TEST_P(PlantedFault, IsFound) {
  size_t found = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    World world(seed, GetParam());
    world.Run(250);
    found += world.Faults().empty() ? 0 : 1;
  }
  EXPECT_GT(found, 0);
}

INSTANTIATE_TEST_SUITE_P(Faults, PlantedFault,
                         testing::Values(Fault::kHintsForgotten, Fault::kForgottenTooEarly,
                                         Fault::kHintAlwaysDone));

}  // namespace
}  // namespace cartwheel::cluster
