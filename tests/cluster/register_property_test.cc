// P18: one chosen record for every epoch. Nodes propose against each other over a network that
// loses, doubles, delays and reorders messages and is cut, they crash before and after their state
// is on disk, and the voters change with what is chosen.
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/register.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {
namespace {

constexpr int64_t kSecondUs = 1'000'000;

class RegisterWorld {
 public:
  explicit RegisterWorld(uint64_t seed) : random_(seed) {
    const size_t nodes = 1 + random_.Below(7);
    lost_percent_ = random_.Below(40);
    doubled_percent_ = random_.Below(20);
    crash_percent_ = random_.Below(8);
    disk_.resize(nodes);
    nodes_.resize(nodes);
    const Record first{.epoch = 1, .voters = SomeVoters(), .bytes = "first"};
    for (Register::State& state : disk_) state.chosen = first;
    chosen_[1] = first;
    for (size_t i = 0; i < nodes; ++i) Start(i);
  }

  void Go() {
    Run(20 * kSecondUs, true);
    if (testing::Test::HasFatalFailure()) return;
    // Everybody lives and hears everybody: what is proposed now is chosen, and everybody learns it.
    cuts_.clear();
    lost_percent_ = doubled_percent_ = crash_percent_ = 0;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i] == nullptr) Start(i);
    }
    Run(15 * kSecondUs, false);
    if (testing::Test::HasFatalFailure()) return;
    const uint64_t before = Newest();
    Propose(0);
    Run(15 * kSecondUs, false);
    ASSERT_GT(Newest(), before);
    for (const auto& node : nodes_) ASSERT_EQ(node->chosen(), chosen_[Newest()]);
  }

  uint64_t Newest() const { return chosen_.rbegin()->first; }

 private:
  static constexpr int64_t kStepUs = 1'000;

  struct Mail {
    NodeId from;
    size_t to;
    RegisterMessage message;
  };

  static NodeId IdOf(size_t node) { return NodeId{node + 1}; }

  std::vector<NodeId> SomeVoters() {
    std::vector<NodeId> voters;
    for (size_t i = 0; i < disk_.size(); ++i) voters.push_back(IdOf(i));
    for (size_t i = voters.size(); i > 1; --i) std::swap(voters[i - 1], voters[random_.Below(i)]);
    voters.resize(1 + random_.Below(std::min<size_t>(5, voters.size())));
    std::ranges::sort(voters);
    return voters;
  }

  void Start(size_t node) {
#ifdef CARTWHEEL_CANARY
    // The planted fault: what a voter has promised and accepted does not survive.
    disk_[node] = {.chosen = disk_[node].chosen, .promised = {}, .accepted = {}, .record = {}};
#endif
    nodes_[node] =
        std::make_unique<Register>(IdOf(node), disk_[node], Register::Options{}, random_.Next());
  }

  void Propose(size_t node) {
    Record next{.epoch = nodes_[node]->chosen().epoch + 1,
                .voters = SomeVoters(),
                .bytes = "value " + std::to_string(++values_)};
    nodes_[node]->Propose(std::move(next), now_us_);
    EndTurn(node);
  }

  // Commit, then send; a crash may come before, between or after.
  void EndTurn(size_t node) {
    Register& self = *nodes_[node];
    const bool crashes = random_.Percent(crash_percent_);
    if (crashes && random_.Percent(50)) return Crash(node);
    if (self.TakeChanged()) disk_[node] = self.state();
    Note(self.chosen());
    if (crashes && random_.Percent(50)) return Crash(node);
    for (Register::Output& output : self.TakeOutputs()) {
      if (auto* send = std::get_if<Register::Send>(&output)) {
        Mail mail{IdOf(node), static_cast<size_t>(send->to) - 1, std::move(send->message)};
        if (random_.Percent(doubled_percent_)) Post(mail);
        Post(mail);
      }
    }
    if (crashes) Crash(node);
  }
  void Crash(size_t node) {
    nodes_[node].reset();
    starts_at_us_[node] = now_us_ + static_cast<int64_t>(random_.Below(300'000));
  }

  void Post(const Mail& mail) {
    if (random_.Percent(lost_percent_)) return;
    const uint64_t most_us = random_.Percent(10) ? 400'000 : 5'000;
    on_the_way_.emplace(now_us_ + 100 + static_cast<int64_t>(random_.Below(most_us)), mail);
  }

  void Note(const Record& record) {
    const auto [known, is_new] = chosen_.try_emplace(record.epoch, record);
    ASSERT_EQ(known->second, record) << "two records of epoch " << record.epoch;
  }

  void Run(int64_t for_us, bool troubled) {
    const int64_t until_us = now_us_ + for_us;
    for (; now_us_ < until_us && !testing::Test::HasFatalFailure(); now_us_ += kStepUs) {
      for (auto starts = starts_at_us_.begin(); starts != starts_at_us_.end();) {
        if (starts->second > now_us_) {
          ++starts;
          continue;
        }
        if (nodes_[starts->first] == nullptr) Start(starts->first);
        starts = starts_at_us_.erase(starts);
      }
      while (!on_the_way_.empty() && on_the_way_.begin()->first <= now_us_) {
        const Mail mail = on_the_way_.begin()->second;
        on_the_way_.erase(on_the_way_.begin());
        const auto from = static_cast<size_t>(mail.from) - 1;
        if (nodes_[mail.to] == nullptr || cuts_.contains({from, mail.to})) continue;
        nodes_[mail.to]->On(mail.from, mail.message, now_us_);
        EndTurn(mail.to);
      }
      for (size_t i = 0; i < nodes_.size(); ++i) {
        if (nodes_[i] == nullptr || nodes_[i]->NextDeadline() > now_us_) continue;
        nodes_[i]->OnTime(now_us_);
        EndTurn(i);
      }
      if (troubled) Trouble();
      Gossip();
    }
  }

  void Trouble() {
    const size_t node = random_.Below(nodes_.size());
    if (random_.Below(40) == 0 && nodes_[node] != nullptr && !nodes_[node]->is_proposing()) {
      Propose(node);
    }
    if (random_.Below(1'000) == 0) cuts_.insert({node, random_.Below(nodes_.size())});
    if (random_.Below(3'000) == 0) cuts_.clear();
  }

  // Who knows which epoch is told with every packet between nodes.
  void Gossip() {
    if (random_.Below(100) != 0) return;
    const size_t from = random_.Below(nodes_.size());
    const size_t to = random_.Below(nodes_.size());
    if (nodes_[from] == nullptr || nodes_[to] == nullptr || cuts_.contains({from, to})) return;
    nodes_[to]->HeardOf(IdOf(from), nodes_[from]->chosen().epoch);
    EndTurn(to);
  }

  Random random_;
  uint64_t lost_percent_ = 0;
  uint64_t doubled_percent_ = 0;
  uint64_t crash_percent_ = 0;
  int64_t now_us_ = kSecondUs;
  uint64_t values_ = 0;
  std::vector<Register::State> disk_;
  std::vector<std::unique_ptr<Register>> nodes_;  // nullptr: it does not run
  std::map<size_t, int64_t> starts_at_us_;
  std::multimap<int64_t, Mail> on_the_way_;
  std::set<std::pair<size_t, size_t>> cuts_;  // from, to
  std::map<uint64_t, Record> chosen_;         // by epoch, as anybody learnt it
};

TEST(RegisterProperty, P18OneRecordIsChosenForEveryEpoch) {
  uint64_t epochs = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    RegisterWorld world(seed);
    world.Go();
    if (HasFatalFailure()) return;
    epochs += world.Newest();
  }
  EXPECT_GT(epochs, 300U * 5) << "the runs choose something";
}

}  // namespace
}  // namespace cartwheel::cluster
