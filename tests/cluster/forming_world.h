// Memberships in virtual time: questions over connections that fail and dawdle, links between those
// who take each other for members, crashes, and stores that keep what was committed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/membership.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {

class FormingWorld {
 public:
  explicit FormingWorld(uint64_t seed) : random_(seed) {}

  uint64_t lost_percent = 0;                        // of questions and of messages on links
  AutoCommit auto_commit = AutoCommit::kWhenEmpty;  // of nodes that start from here on
  bool stores_late = false;    // a fault: the last change is lost with the process
  size_t moves_at_once = 400;  // of nodes that start from here on
  int64_t move_stuck_us = 5'000'000;
  uint64_t arrives_within_us = 300'000;  // what is on its way, each partition at its own time

  // Adds a node at an address of its own that does not run yet; the result names it.
  size_t Add(std::vector<NodeAddress> seeds, bool knows_its_address = false);
  static NodeAddress AddressOf(size_t node);
  NodeId IdOf(size_t node) const { return nodes_[node].id; }
  size_t size() const { return nodes_.size(); }

  void Start(size_t node);
  void Kill(size_t node);
  bool runs(size_t node) const { return nodes_[node].membership.has_value(); }
  // The node with its data comes to be at the address of the other, and the other way round.
  void SwapAddresses(size_t a, size_t b);
  // Its data are gone, and with them who it was.
  void Wipe(size_t node);
  void SetHoldsKeys(size_t node, bool holds_keys);
  // Why it cannot take what is on its way to it, as it tells; empty: it can.
  void SetTrouble(size_t node, std::string trouble);
  // What is on its way to it never arrives.
  void HoldUp(size_t node, bool held_up) { nodes_[node].held_up = held_up; }
  void Cut(size_t a, size_t b) { cuts_.insert(std::minmax(a, b)); }
  void MendAll() { cuts_.clear(); }
  Membership& node(size_t at) { return *nodes_[at].membership; }

  int64_t now_us() const { return now_us_; }
  void RunFor(int64_t microseconds);
  // False: not within that time.
  bool RunUntilOne(int64_t microseconds);
  // The same for who know that nothing is to be moved any more.
  bool RunUntilSettled(size_t members, int64_t microseconds);
  // Whether all who run are in one cluster of `members` and agree on it, and are all linked.
  bool IsOne(size_t members) const;
  std::set<uint64_t> Clusters() const;
  // P18 and what else must never happen, as lines.
  const std::vector<std::string>& violations() const { return violations_; }
  const std::vector<std::string>& notices(size_t node) const { return nodes_[node].notices; }

 private:
  struct Node {
    NodeId id{};
    uint64_t life = 0;
    size_t place = 0;  // whose address it has
    std::vector<NodeAddress> seeds;
    bool knows_its_address = false;
    std::optional<Membership> membership;
    std::optional<Register::State> stored;
    std::optional<Register::State> committed;  // with stores_late it is stored by the next one
    std::optional<Topology> adopted;
    std::vector<std::string> notices;
    bool holds_keys = false;
    std::string trouble;
    bool held_up = false;
    // Of each partition on its way to it: under which epoch, and when all of it will be here.
    std::map<Partition, std::pair<uint64_t, int64_t>> arrives;
    int64_t drained_us = 0;  // when it will have handed on what is others'
  };
  struct Link {
    bool up = false;
    uint64_t generation = 0;
    int64_t since_us = 0;  // both want it; 0: they do not
  };
  struct Event {
    enum class Kind : uint8_t { kQuestion, kAnswer, kFailed, kTalk, kTell, kPassOn };
    Kind kind;
    size_t from;
    size_t to;
    uint64_t life_of_to = 0;
    uint64_t link_generation = 0;
    NodeAddress address{};  // that was asked
    std::string bytes{};
    MemberNews news{};
  };

  int64_t Delay() { return 200 + static_cast<int64_t>(random_.Below(20'000)); }
  void At(int64_t at_us, Event event) { events_.emplace(std::pair(at_us, next_++), event); }
  void Handle(const Event& event);
  void Question(const Event& event);
  void Turn(size_t node);
  void Perform(size_t node, const Membership::Output& output);
  void PerformAsk(size_t node, const Membership::Ask& ask);
  void SendOnLink(size_t from, NodeId to, Event event);
  void UpdateLinks();
  bool Wants(size_t from, size_t to) const;
  std::optional<size_t> FindId(NodeId id) const;
  std::optional<size_t> FindPlace(const NodeAddress& address) const;
  Link& LinkOf(size_t a, size_t b) { return links_[std::minmax(a, b)]; }
  void CheckRecord(size_t node);
  void ChooseArrivals(size_t node);
  void Report(size_t node);

  Random random_;
  int64_t now_us_ = 100'000'000;
  int64_t links_looked_at_us_ = 0;
  std::vector<Node> nodes_;
  std::map<std::pair<size_t, size_t>, Link> links_;
  std::set<std::pair<size_t, size_t>> cuts_;
  std::map<std::pair<int64_t, uint64_t>, Event> events_;
  uint64_t next_ = 0;
  // By cluster and epoch.
  std::map<std::pair<uint64_t, uint64_t>, Record> records_;
  std::vector<std::string> violations_;
};

}  // namespace cartwheel::cluster
