// The durable engine when the power goes: what is there afterwards is the state after one of the
// commits, and none that was synced is missing.
//
// The canary, durable_engine_power_loss_test_canary, acknowledges commits under `always` without
// their sync: the test must fail.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "durable_machine.h"
#include "storage_testing.h"

namespace cartwheel::storage {
namespace {

constexpr Keyspace kData = Keyspace::kData;

Settings With(Durability durability) {
  Settings settings;
  settings.durability = durability;
  return settings;
}

// One history under one setting: random batches, ticks and helpers, then a crash or the plug. What
// is found must be the state after one of the commits: after the last synced one or a later one.
class History {
 public:
  History(uint64_t seed, Durability durability)
      : random_(seed), durability_(durability), machine_(MakeSettings(durability)) {}

  void Run() {
    for (int life = 0; life < 4 && !testing::Test::HasFatalFailure(); ++life) {
      for (int step = 0; step < 80; ++step) Step();
      const bool power = random_.Below(3) != 0;
      if (power) {
        machine_.LosePower(random_.Next());
      } else {
        machine_.Restart();
        durable_ = states_.size() - 1;  // a crash of the process loses nothing
      }
      if (!testing::Test::HasFatalFailure()) Verify();
    }
  }
  int lost() const { return lost_; }

 private:
  using State = std::map<std::string, std::string>;

  static Settings MakeSettings(Durability durability) {
    Settings settings = With(durability);
    settings.memory_bytes = 60'000;
    settings.checkpoint_log_bytes = 4'000;
#ifdef CARTWHEEL_CANARY
    if (durability == Durability::kAlways) settings.durability = Durability::kNo;
#endif
    return settings;
  }

  void Step() {
    const uint64_t dice = random_.Below(16);
    if (dice == 0) machine_.Tick(static_cast<int64_t>(random_.Below(1500)));
    if (dice == 1) machine_.RunSync();
    if (dice == 2) machine_.RunFlush();
    if (dice == 3) machine_.engine().StartFlush();
    if (dice > 3) Commit();
    NoteSyncs();
  }

  // A sync covers the commits before its beginning, once it has ended.
  void NoteSyncs() {
    const Persistence state = machine_.state();
    if (state.syncs != syncs_) durable_ = std::max(durable_, begun_sync_);
    if (state.sync_running && (!syncing_ || state.syncs != syncs_))
      begun_sync_ = states_.size() - 1;
    syncing_ = state.sync_running;
    syncs_ = state.syncs;
  }

  void Commit() {
    State state = states_.back();
    for (uint64_t i = random_.Below(4) + 1; i > 0; --i) {
      const std::string key = "k" + std::to_string(random_.Below(30));
      if (random_.Below(4) == 0) {
        state.erase(key);
        machine_.engine().Delete(kData, key);
      } else {
        std::string value(random_.Below(200), 'v');
        value += std::to_string(random_.Next());
        state[key] = value;
        machine_.engine().Put(kData, key, value);
      }
    }
    if (random_.Below(20) == 0) {
      state.clear();
      machine_.engine().DeleteRange(kData, "", "");
    }
    // Empty batches are no commits.
    ASSERT_TRUE(machine_.engine().Commit().has_value());
    states_.push_back(std::move(state));
    if (durability_ == Durability::kAlways) durable_ = states_.size() - 1;
  }

  void Verify() {
    State found;
    for (auto& [key, value] : ScanFrom(machine_.engine(), kData)) found[key] = value;
    size_t match = states_.size();
    while (match > durable_ && states_[match - 1] != found) --match;
    ASSERT_TRUE(states_[match == 0 ? 0 : match - 1] == found && match > durable_)
        << "not a state after commit " << durable_ << " or a later one of " << states_.size() - 1;
    for (const auto& [key, value] : found) ASSERT_EQ(machine_.Get(key), value);
    lost_ += match < states_.size() ? 1 : 0;
    states_.resize(match);
    durable_ = match - 1;
    begun_sync_ = 0;
    syncing_ = false;
    syncs_ = 0;
  }

  Random random_;
  const Durability durability_;
  DurableMachine machine_;
  std::vector<State> states_ = {{}};  // after each commit
  size_t durable_ = 0;                // the last commit that must not be lost
  size_t begun_sync_ = 0;             // the last commit that the latest sync covers
  bool syncing_ = false;
  uint64_t syncs_ = 0;
  int lost_ = 0;
};

// Half a batch would be a record without what it needs beside it.
TEST(DurableEnginePowerLoss, APowerLossBetweenTwoTransactionsOfAFlushTearsNoBatch) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    DurableMachine machine(With(Durability::kEverySecond));
    machine.Tick();
    for (const char* key : {"a", "b", "c"}) machine.engine().Put(kData, key, "1");
    ASSERT_TRUE(machine.engine().Commit().has_value());
    machine.engine().StartFlush();
    machine.Tick();
    machine.base().FailFlushes({.kind = Error::Kind::kIo, .applied = 1});
    machine.FinishFlush();
    machine.LosePower(seed);
    const std::string a = machine.Get("a");
    EXPECT_EQ(machine.Get("b"), a) << "seed " << seed;
    EXPECT_EQ(machine.Get("c"), a) << "seed " << seed;
  }
}

class PowerLoss : public ::testing::TestWithParam<Durability> {};

TEST_P(PowerLoss, LeavesAStateThatWasCommittedAndNothingSyncedIsMissing) {
  int lost = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    History history(seed, GetParam());
    history.Run();
    if (testing::Test::HasFatalFailure()) return;
    lost += history.lost();
  }
  if (GetParam() == Durability::kAlways) {
    EXPECT_EQ(lost, 0);
  } else {
    EXPECT_GT(lost, 5) << "or the plug was never pulled in time";
  }
}

INSTANTIATE_TEST_SUITE_P(All, PowerLoss,
                         ::testing::Values(Durability::kAlways, Durability::kEverySecond,
                                           Durability::kNo),
                         [](const auto& durability) {
                           switch (durability.param) {
                             case Durability::kAlways: return "Always";
                             case Durability::kEverySecond: return "EverySecond";
                             default: return "No";
                           }
                         });

}  // namespace
}  // namespace cartwheel::storage
