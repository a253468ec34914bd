// The other half of the world: what must hold, and the story when it does not.
#include <algorithm>

#include "tests/cluster/causality_world.h"

namespace cartwheel::cluster {

// Everything is delivered, exchanged and forgotten until nothing changes any more.
void CausalityWorld::Finish() {
  Tell(-1, [] { return std::string("all heals"); });
  for (Replica& replica : replicas_) replica.up = true;
  for (const Message& message : messages_) {
    if (replicas_[message.to].actor == message.to_actor) {
      Receive(replicas_[message.to], message.copy);
    }
  }
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds && !broken_; ++round) {
    for (size_t a = 0; a < kOwners; ++a) {
      for (size_t b = 0; b < a; ++b) Exchange(replicas_[a], replicas_[b]);
    }
    for (size_t fallback = kOwners; fallback < kReplicas; ++fallback) {
      for (const Hint& hint : replicas_[fallback].hints) {
        for (const size_t owner : hint.owners) Receive(replicas_[owner], hint.copy);
      }
      if (round > 1) replicas_[fallback].hints.clear();
    }
    for (size_t from = 0; from < kOwners; ++from) {
      for (size_t at = 0; at < kOwners; ++at) {
        if (from != at) Hear(replicas_[from], replicas_[at]);
      }
    }
    for (size_t i = 0; i < kOwners && round + 1 < kRounds; ++i) Forget(replicas_[i]);
  }
  for (int key = 0; key < kKeys && !broken_; ++key) CheckEnd(key);
}

CausalityWorld::History CausalityWorld::RemovedBy(const History& events) const {
  History removed;
  for (size_t id = 0; id < events_.size(); ++id) {
    if (events[id]) removed |= events_[id].removes;
  }
  return removed;
}

const CausalityWorld::Event* CausalityWorld::Find(Dot dot) const {
  const auto found = event_of_.find(dot);
  return found == event_of_.end() ? nullptr : &events_[found->second];
}

void CausalityWorld::CheckKnown(const Replica& replica, int key, const Known& known) {
  if (broken_) return;
  const Container& container = known.container;
  const std::string where = NameOf(replica) + " ";
  History alive = known.history & ~RemovedBy(known.history);
  for (size_t id = 0; id < events_.size(); ++id) {
    const Event& event = events_[id];
    if (event.key == key && container.context.Covers(event.dot) != known.history[id]) {
      return Break(key, "P1: " + where +
                            (known.history[id] ? "does not cover " : "wrongly covers ") +
                            NameOf(event.dot));
    }
    if (event.kind == Kind::kDeletion) alive.reset(id);
  }
  History shown;
  for (const Version& version : container.versions) {
    const Event* const event = Find(version.dot);
    if (event == nullptr || event->value != version.bytes) {
      return Break(key, "P2: " + where + "holds another value under " + NameOf(version.dot));
    }
    shown.set(event_of_.at(version.dot));
  }
  CheckCounter(replica, key, known, shown);
  if (broken_) return;
  const History forgotten = RemovedBy(forgotten_[static_cast<size_t>(key)]);
  if ((shown & ~alive).any()) {
    return Break(key, "P2: " + where + "shows what was removed:" + NamesOf(shown & ~alive));
  }
  if ((alive & ~shown & ~forgotten).any()) {
    return Break(key, "P2: " + where + "lacks" + NamesOf(alive & ~shown & ~forgotten));
  }
  if (replica.complete && (shown & forgotten).any()) {
    return Break(key, "P5: " + where + "brought back to life" + NamesOf(shown & forgotten));
  }
  stats_.most_siblings = std::max<uint64_t>(stats_.most_siblings, container.versions.size());
}

// Every entry's sums, against the increments that it says it has; adds those that count to
// `counted`.
void CausalityWorld::CheckCounter(const Replica& replica, int key, const Known& known,
                                  History& counted) {
  int64_t sum = 0;
  for (const Counter::Entry& entry : known.container.counter.entries()) {
    Counter::Sums total{.number = entry.total.number};
    Counter::Sums reset{.number = entry.reset.number};
    for (size_t id = 0; id < events_.size(); ++id) {
      const Event& event = events_[id];
      if (event.key != key || event.kind != Kind::kIncrement ||
          event.dot.actor != entry.first.actor || event.dot.number < entry.first.number ||
          event.dot.number > total.number) {
        continue;
      }
      for (Counter::Sums* const sums : {&total, &reset}) {
        if (event.dot.number > sums->number) continue;
        (event.delta >= 0 ? sums->added : sums->taken) +=
            static_cast<uint64_t>(event.delta >= 0 ? event.delta : -event.delta);
      }
      if (event.dot.number <= reset.number) continue;
      counted.set(id);
      sum += event.delta;
    }
    if (total != entry.total || reset != entry.reset) {
      return Break(key, "P2: " + NameOf(replica) + " sums up wrongly in the entry of " +
                            NameOf(entry.first));
    }
  }
  if (sum != known.container.counter.Sum())
    Break(key, "P2: the sum is wrong at " + NameOf(replica));
}

void CausalityWorld::CheckEnd(int key) {
  History all = forgotten_[static_cast<size_t>(key)];
  std::array<Known, kOwners> known;
  for (size_t i = 0; i < kOwners; ++i) {
    known[i] = Load(replicas_[i], key);
    all |= known[i].history;
  }
  History alive = all & ~RemovedBy(all);
  for (size_t id = 0; id < events_.size(); ++id) {
    if (events_[id].kind == Kind::kDeletion) alive.reset(id);
  }
  for (size_t i = 0; i < kOwners && !broken_; ++i) {
    History shown;
    for (const Version& version : known[i].container.versions) shown.set(event_of_.at(version.dot));
    CheckCounter(replicas_[i], key, known[i], shown);
    if (!broken_ && shown != alive) {
      Break(key, "P7: in the end " + NameOf(replicas_[i]) + " shows" + NamesOf(shown) + " and not" +
                     NamesOf(alive));
    }
  }
  for (const size_t id : acknowledged_) {
    if (!broken_ && events_[id].key == key && !all[id]) {
      Break(key, "P7: the acknowledged event " + std::to_string(id) + " is lost");
    }
  }
}

void CausalityWorld::Break(int key, const std::string& what) {
  if (broken_) return;
  broken_ = what + " (key " + std::to_string(key) + ")";
  broken_key_ = key;
  Tell(key, [&] { return "BROKEN " + *broken_; });
}

std::string CausalityWorld::NameOf(const Replica& replica) const {
  return actor_names_.at(replica.actor) + (replica.complete ? "" : " (rebuilding)");
}

std::string CausalityWorld::NameOf(Dot dot) const {
  const auto name = actor_names_.find(dot.actor);
  return (name == actor_names_.end() ? "?" : name->second) + ":" + std::to_string(dot.number);
}

std::string CausalityWorld::NamesOf(const History& events) const {
  std::string names;
  for (size_t id = 0; id < events_.size(); ++id) {
    if (events[id]) names += " " + std::to_string(id);
  }
  return names.empty() ? " nothing" : names;
}

std::string CausalityWorld::NameOf(const Container& container) const {
  std::string name = " {";
  for (const Version& version : container.versions) name += NameOf(version.dot) + " ";
  for (const Counter::Entry& entry : container.counter.entries()) {
    name += "+" + NameOf(entry.first) + ".." + std::to_string(entry.total.number) + "-" +
            std::to_string(entry.reset.number) + " ";
  }
  name += "| ";
  for (const Context::Interval& interval : container.context.intervals()) {
    name +=
        NameOf(Dot{interval.actor, interval.first}) + ".." + std::to_string(interval.last) + " ";
  }
  return name + "}";
}

}  // namespace cartwheel::cluster
