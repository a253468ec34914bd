// A partition in small: three owners and two fallbacks that use the production functions, and
// everything that can go wrong between them, chosen by a seed. Copies are delayed, duplicated,
// reordered and lost; fallbacks hold hints; disks are lost or go back in time; owners exchange,
// gossip their bases and forget deletions.
//
// Beside every record stands its true history, the set of all events that went into it, which the
// production code never sees. At every store the record is held against it:
//   P1  the context covers exactly the events of the history;
//   P2  live is exactly what no event of the history removed, but for what a forgotten one did; a
//       counter's sums are those of its increments;
//   P4  no dot is used twice;
//   P5  a complete owner shows nothing that a forgotten deletion removed;
// and at the end, when all is healed:
//   P7  the owners agree, and every acknowledged write is live or was removed by one that saw it.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "cluster/apply.h"
#include "cluster/container_codec.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {

// What the world's replicas keep to. Each can be left out, which must break a property.
struct CausalityRules {
  bool intervals = true;         // contexts are intervals, not "all up to the last"
  bool rotation = true;          // lost or rolled back data: a new actor
  bool received_first = true;    // R1: what was received once and is not live is obsolete
  bool floor = true;             // R3: deletions are kept until every owner has received them
  bool rebuilding = true;        // R5: rolled back owners rebuild before they are believed
  bool source = true;            // R2: a rebuilding side drops what the other removed
  bool contiguity = true;        // an interval is extended only by who saw all since it began
  bool observed_resets = true;   // a reset removes what its writer saw, not what is there
  bool vouched_counters = true;  // the floor's second rule, and former actors' counters are kept

  // No rules, but how the world is.
  uint64_t increments = 30;  // of a hundred writes
  bool faults = true;        // disks are lost and go back in time
};

class CausalityWorld {
 public:
  CausalityWorld(uint64_t seed, const CausalityRules& rules);

  // What broke, or nullopt. To be called once.
  std::optional<std::string> Run(int steps);
  // The same with what happened to the key in question, told line by line.
  static std::string Story(uint64_t seed, const CausalityRules& rules, int steps);

  struct Stats {
    uint64_t writes = 0, acknowledged = 0, increments = 0, obsolete = 0, forgotten = 0,
             disks_lost = 0, rollbacks = 0, hints = 0, most_siblings = 0;
  };
  const Stats& stats() const { return stats_; }

 private:
  static constexpr size_t kOwners = 3;
  static constexpr size_t kFallbacks = 2;
  static constexpr size_t kReplicas = kOwners + kFallbacks;
  static constexpr int kKeys = 3;
  static constexpr uint64_t kClients = 4;
  static constexpr size_t kMaxEvents = 512;
  using History = std::bitset<kMaxEvents>;

  enum class Kind { kValue, kExpiry, kDeletion, kIncrement };
  struct Event {
    Dot dot;
    int key = 0;
    Kind kind = Kind::kValue;
    History removes;
    int64_t delta = 0;
    std::string value;
  };
  struct Record {
    std::string bytes;
    History history;
  };
  struct Copy {
    std::string bytes;
    History history;
    int key = 0;
    Dot dot;  // of the write it was made for
  };
  struct Message {
    size_t to = 0;
    ActorId to_actor{};
    Copy copy;
  };
  struct Hint {
    Copy copy;
    std::set<size_t> owners;
  };
  // What an owner tells of itself: its bases, and its own number then.
  struct Announcement {
    ActorId actor{};
    std::map<ActorId, uint64_t> bases;
  };
  struct Heard {
    std::optional<Announcement> vouched;  // all of its writes until then have arrived here
    std::optional<Announcement> latest;
  };
  struct Snapshot {
    ActorId actor{};
    uint64_t number = 0;
    std::map<int, Record> store;
    std::string tables;
  };
  struct Replica {
    size_t index = 0;
    ActorId actor{};
    uint64_t number = 0;
    std::map<int, Record> store;
    ActorTable actors;
    ReceivedDots received;
    std::array<Heard, kOwners> heard;
    std::vector<Hint> hints;
    bool complete = true;
    bool up = true;
    std::set<size_t> to_rebuild_from;
    std::optional<Snapshot> snapshot;
  };
  // A container with its true history. Its versions borrow from the record or the message.
  struct Known {
    Container container;
    History history;
  };
  struct Session {
    std::string token;
    History history;
  };

  // What happens.
  void Step();
  void StepWrite(uint64_t client, int key);
  void StepRead(uint64_t client, int key);
  void StepMessage();
  void StepHint();
  void StepExchange();
  void StepGossip();
  void StepFault();
  void Finish();

  void Write(Replica& coordinator, uint64_t client, int key);
  void Change(Known& known, const Dot& dot, Event& event);
  bool Spread(Replica& coordinator, const Copy& copy);
  void Receive(Replica& owner, const Copy& copy);
  void Exchange(Replica& a, Replica& b);
  void Hear(Replica& from, Replica& at);
  void Forget(Replica& owner);
  void LoseDisk(Replica& owner);
  void RollBack(Replica& owner);
  void Rotate(Replica& owner);
  void StartRebuild(Replica& owner);

  Known Load(const Replica& replica, int key);
  Known Base(const Replica& coordinator, int key);
  void Store(Replica& replica, int key, const Known& known);
  Floor FloorOf(Replica& owner);
  void SetFormerActors(const Replica& owner, Floor& floor) const;
  // And the true history of what was seen.
  Seen SeenBy(uint64_t client, int key, History& history);
  void Remember(uint64_t client, int key, const Known& known);
  bool AnotherHoldsAll(const Replica& owner) const;

  // The oracle.
  void CheckKnown(const Replica& replica, int key, const Known& known);
  void CheckCounter(const Replica& replica, int key, const Known& known, History& counted);
  void CheckEnd(int key);
  History RemovedBy(const History& events) const;
  const Event* Find(Dot dot) const;

  ActorId NewActor(size_t replica);
  void Break(int key, const std::string& what);
  template <typename Text>
  void Tell(int key, Text text) {
    if (telling_) story_.emplace_back(key, text());
  }
  std::string NameOf(const Replica& replica) const;
  std::string NameOf(Dot dot) const;
  std::string NamesOf(const History& events) const;
  std::string NameOf(const Container& container) const;

  Random random_;
  const CausalityRules rules_;
  std::array<Replica, kReplicas> replicas_;
  std::vector<Event> events_;
  std::map<Dot, size_t> event_of_;
  std::vector<size_t> acknowledged_;
  std::vector<Message> messages_;
  std::map<std::pair<uint64_t, int>, Session> sessions_;
  std::array<History, kKeys> forgotten_;
  std::set<ActorId> former_;
  std::map<ActorId, std::string> actor_names_;
  Stats stats_;

  std::optional<std::string> broken_;
  int broken_key_ = 0;
  bool telling_ = false;
  std::vector<std::pair<int, std::string>> story_;  // key, -1 for all
};

}  // namespace cartwheel::cluster
