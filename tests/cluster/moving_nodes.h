// Members whose partition moves, over links that work at once: each is a Node over an engine that
// outlives it. The ring is set by hand, at all of them or at one alone.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/frame.h"
#include "cluster/message_codec.h"
#include "cluster/node.h"
#include "cluster/slot.h"
#include "storage/faulty_engine.h"
#include "storage/memory_engine.h"

namespace cartwheel::cluster {

inline constexpr int64_t kSecondUs = 1'000'000;

// A, X and Y own everything at first; the partition of the keys is on its way from A to B.
class MovingNodes : public testing::Test {
 protected:
  enum At : size_t { kA, kB, kX, kY, kCount };
  enum class State : uint8_t { kBefore, kPrepare, kSwitch, kAfter };

  struct Machine {
    std::unique_ptr<storage::FaultyEngine> engine =
        std::make_unique<storage::FaultyEngine>(storage::NewMemoryEngine());
    std::optional<LocalStore> store;
    std::unique_ptr<Node> node;
  };

  MovingNodes() {
    for (size_t i = 0; i < kCount; ++i) Start(i, State::kBefore);
    Run(2 * kSecondUs);  // until they know that none of them has anything
  }

  static NodeId IdOf(size_t at) { return NodeId{at + 1}; }
  // All of one partition.
  static std::string Key(size_t number) { return "{moves}" + std::to_string(number); }
  static Partition Moving() { return PartitionOfKey(Key(0)); }

  Ring RingAt(State state) const {
    std::vector<Member> members;
    for (size_t i = 0; i < kCount; ++i) members.push_back({.node = IdOf(i), .zone = ""});
    if (gone) members[*gone].gone = true;
    const std::vector<NodeId> before = {IdOf(kA), IdOf(kX), IdOf(kY)};
    const std::vector<NodeId> after = {IdOf(kB), IdOf(kX), IdOf(kY)};
    OwnerTable owners{.copies = 3, .nodes = {}};
    for (int i = 0; i < kPartitions; ++i) {
      owners.nodes.insert(owners.nodes.end(), before.begin(), before.end());
    }
    if (state == State::kAfter) SetRow(owners, Moving(), after);
    std::vector<Move> moves;
    if (state == State::kPrepare) {
      moves.push_back({.partition = Moving(), .step = MoveStep::kPrepare, .to = after});
    }
    if (state == State::kSwitch) {
      moves.push_back({.partition = Moving(), .step = MoveStep::kSwitch, .to = after});
    }
    std::vector<uint64_t> epochs(kPartitions, 1);
    epochs[Moving()] = 1 + static_cast<uint64_t>(state) + 10 * round;
    return {members, owners, moves, epochs};
  }

  void Start(size_t at, State state) {
    Machine& machine = machines_[at];
    const Ring ring = RingAt(state);
    machine.store.emplace(
        *LocalStore::Open(*machine.engine, {.actor_seed = ++seed_,
                                            .may_have_lost_writes = may_have_lost_writes,
                                            .ownership = OwnershipOf(ring, IdOf(at))}));
    Node::Options options;
    options.self = IdOf(at);
    options.refill = refill;
    options.anti_entropy = anti_entropy;
    machine.node = std::make_unique<Node>(*machine.store, ring, options);
    for (size_t other = 0; other < kCount; ++other) {
      if (other == at || machines_[other].node == nullptr || IsCut(at, other)) continue;
      machine.node->PeerUp(IdOf(other), now());
      machines_[other].node->PeerDown(IdOf(at), now());
      machines_[other].node->PeerUp(IdOf(at), now());
    }
  }
  void Stop(size_t at) {
    machines_[at].node.reset();
    machines_[at].store.reset();
    for (size_t other = 0; other < kCount; ++other) {
      if (other != at && node_runs(other)) machines_[other].node->PeerDown(IdOf(at), now());
    }
  }
  void SetRing(State state, const std::set<size_t>& at = {kA, kB, kX, kY}) {
    for (const size_t each : at) {
      if (!node_runs(each)) continue;
      const Ring ring = RingAt(state);
      machines_[each].node->SetRing(ring, OwnershipOf(ring, IdOf(each)), now());
    }
  }
  void Cut(size_t a, size_t b) {
    cuts_.insert(std::minmax(a, b));
    machines_[a].node->PeerDown(IdOf(b), now());
    machines_[b].node->PeerDown(IdOf(a), now());
  }
  void Mend(size_t a, size_t b) {
    cuts_.erase(std::minmax(a, b));
    machines_[a].node->PeerUp(IdOf(b), now());
    machines_[b].node->PeerUp(IdOf(a), now());
  }

  // A write at a coordinator; what became of it once everything that was said has been heard.
  std::optional<WriteOutcome> Write(size_t at, size_t number, const std::string& value,
                                    const Levels& levels = {}) {
    const auto id = BeginWrite(at, number, value, levels);
    if (!id) return std::nullopt;
    Settle();
    return OutcomeOf(*id);
  }
  std::optional<RequestId> BeginWrite(size_t at, size_t number, const std::string& value,
                                      const Levels& levels = {}) {
    Machine& machine = machines_[at];
    const std::string key = Key(number);
    const auto id = machine.node->BeginWrite({0, key}, levels, now());
    if (!id) return std::nullopt;
    const Change change = value.empty() ? Change::Delete() : Change::Put(value, kNoExpiry);
    machine.store->Write({0, key}, change, now().unix_ms);
    machine.node->Written(*id, machine.store->minted(), machine.store->copy(), now());
    return *id;
  }
  std::optional<WriteOutcome> OutcomeOf(RequestId id) const {
    const auto found = written_.find(id);
    return found == written_.end() ? std::nullopt : std::optional(found->second);
  }
  RequestId BeginRead(size_t at, size_t number) {
    const std::string key = Key(number);
    return *machines_[at].node->BeginRead({0, key}, {}, nullptr, now());
  }
  std::optional<ReadOutcome::Kind> OutcomeOfRead(size_t at, RequestId id) const {
    const auto found = read_.find({at, id});
    return found == read_.end() ? std::nullopt : std::optional(found->second);
  }
  // Others have taken it out, and it knows.
  void LearnThatItIsOut(size_t at) {
    OwnerTable own{.copies = 1, .nodes = std::vector<NodeId>(kPartitions, IdOf(at))};
    machines_[at].node->SetRing(Ring({{.node = IdOf(at), .zone = ""}}, own),
                                {.alone = false, .owned = {}}, now());
  }
  // What the node itself has.
  std::string ValueAt(size_t at, size_t number) {
    const std::string key = Key(number);
    const auto value = machines_[at].store->Read({0, key}, now().unix_ms);
    return value && *value ? std::string((*value)->bytes) : "(none)";
  }
  bool HasRecord(size_t at, size_t number) {
    const std::string key = Key(number);
    return machines_[at].store->RecordBytes({0, key}) > 0;
  }
  bool HasArrived() { return machines_[kB].node->refill().Arrived() == std::vector{Moving()}; }

  // A turn at each, until nobody has anything to say.
  void Settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (size_t at = 0; at < kCount; ++at) {
        if (node_runs(at)) busy = Turn(at) || busy;
      }
    }
  }
  void Run(int64_t microseconds) {
    constexpr int64_t kStepUs = 20'000;
    for (int64_t passed = 0; passed < microseconds; passed += kStepUs) {
      now_us_ += kStepUs;
      for (Machine& machine : machines_) {
        if (machine.node != nullptr) machine.node->OnTime(now());
      }
      Settle();
    }
  }
  Time now() const {
    return {.unix_ms = 1'700'000'000'000 + now_us_ / 1000, .monotonic_us = now_us_};
  }

  Refill::Options refill;
  // None, unless a test asks for them.
  AntiEntropy::Options anti_entropy{.first_after_us = 1'000'000 * kSecondUs};
  std::optional<size_t> gone;
  bool may_have_lost_writes = false;  // who starts
  // The link breaks instead of carrying what is said then, counted from now on.
  std::optional<size_t> cuts_at_message;
  size_t messages_ = 0;
  // What nobody understands.
  std::function<bool(const Message&)> passes_over;
  uint64_t round = 0;  // of moves, one after the other
  size_t bytes = 0;    // that passed between nodes
  std::array<Machine, kCount> machines_;

  bool Turn(size_t at) {
    Machine& machine = machines_[at];
    const bool committed = machine.store->Commit().has_value();
    machine.node->Committed(committed, false, now());
    while (const auto event = machine.node->NextEvent()) {
      if (const auto* done = std::get_if<Node::WriteDone>(&*event)) {
        written_[done->id] = done->outcome;
      } else if (const auto* read = std::get_if<Node::ReadDone>(&*event)) {
        read_[{at, read->id}] = read->outcome.kind;
      }
    }
    bool said = false;
    const auto touched = machine.node->peers().touched();
    for (const NodeId to : std::vector<NodeId>(touched.begin(), touched.end())) {
      const std::string output = machine.node->peers().TakeOutput(to);
      const size_t other = static_cast<size_t>(to) - 1;
      if (output.empty() || !node_runs(other) || IsCut(at, other)) continue;
      said = true;
      bytes += output.size();
      if (cuts_at_message && messages_++ == *cuts_at_message) {
        Cut(at, other);
        continue;
      }
      Deliver(at, other, output);
    }
    return said;
  }

 private:
  bool node_runs(size_t at) const { return machines_[at].node != nullptr; }
  bool IsCut(size_t a, size_t b) const { return cuts_.contains(std::minmax(a, b)); }
  void Deliver(size_t from, size_t to, std::string_view output) {
    while (!output.empty()) {
      FrameReader reader;
      ASSERT_EQ(reader.Parse(output), FrameReader::Status::kComplete);
      const auto message = DecodeMessage(reader.frame());
      ASSERT_TRUE(message.has_value());
      output.remove_prefix(reader.consumed());
      if (!passes_over || !passes_over(*message)) {
        machines_[to].node->OnMessage(IdOf(from), *message, now());
      }
    }
  }

  int64_t now_us_ = 0;
  uint64_t seed_ = 0;
  std::set<std::pair<size_t, size_t>> cuts_;
  std::map<RequestId, WriteOutcome> written_;
  std::map<std::pair<size_t, RequestId>, ReadOutcome::Kind> read_;
};

}  // namespace cartwheel::cluster
