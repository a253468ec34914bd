#include "tests/cluster/causality_world.h"

#include <algorithm>
#include <limits>

#include "cluster/context_token.h"
#include "cluster/exchange.h"

namespace cartwheel::cluster {
namespace {

constexpr int kEveryKey = -1;
constexpr std::array<uint8_t, 16> kSecret = {1, 2, 3};
constexpr TokenKey kTokenKey{.cluster_id = 7, .secret = kSecret};

std::string StoreKeyOf(int key) {
  return "the store key " + std::to_string(key);
}
std::string KeyOf(int key) {
  return "key" + std::to_string(key);
}

// The context with the actor's intervals made one from 1: a version vector's claim.
void ClaimAllUpToLast(Context& context, ActorId actor) {
  Context claiming;
  const uint64_t last = context.Highest(actor);
  for (const Context::Interval& interval : context.intervals()) {
    if (interval.actor != actor) {
      claiming.AppendInterval(interval);
    } else if (interval.last == last) {
      claiming.AppendInterval({actor, 1, last});
    }
  }
  context = claiming;
}

}  // namespace

CausalityWorld::CausalityWorld(uint64_t seed, const CausalityRules& rules)
    : random_(seed), rules_(rules) {
  for (size_t i = 0; i < kReplicas; ++i) {
    replicas_[i].index = i;
    replicas_[i].actor = NewActor(i);
  }
}

std::optional<std::string> CausalityWorld::Run(int steps) {
  for (int i = 0; i < steps && !broken_; ++i) Step();
  if (!broken_) Finish();
  return broken_;
}

std::string CausalityWorld::Story(uint64_t seed, const CausalityRules& rules, int steps) {
  CausalityWorld world(seed, rules);
  world.telling_ = true;
  world.Run(steps);
  std::string story;
  for (const auto& [key, line] : world.story_) {
    if (key == kEveryKey || key == world.broken_key_) story += line + '\n';
  }
  return story;
}

void CausalityWorld::Step() {
  const uint64_t what = random_.Below(1000);
  const int key = static_cast<int>(random_.Below(kKeys));
  const uint64_t client = random_.Below(kClients);
  if (what < 340) return StepWrite(client, key);
  if (what < 480) return StepRead(client, key);
  if (what < 620) return StepMessage();
  if (what < 720) return StepHint();
  if (what < 820) return StepExchange();
  if (what < 930) return StepGossip();
  Replica& owner = replicas_[random_.Below(kOwners)];
  if (what < 955) {
    owner.up = random_.Percent(40) ? !owner.up : true;
  } else if (what < 970) {
    Snapshot snapshot{owner.actor, owner.number, owner.store, {}};
    owner.actors.EncodeTo(snapshot.tables);
    owner.received.EncodeTo(snapshot.tables);
    owner.snapshot = std::move(snapshot);
  } else if (what < 990) {
    StepFault();
  }
}

void CausalityWorld::StepWrite(uint64_t client, int key) {
  std::vector<Replica*> up;
  for (size_t i = 0; i < kOwners; ++i) {
    if (replicas_[i].up) up.push_back(&replicas_[i]);
  }
  Replica* coordinator = up.empty() ? nullptr : up[random_.Below(up.size())];
  if (coordinator == nullptr || random_.Percent(5)) {
    coordinator = &replicas_[kOwners + random_.Below(kFallbacks)];
  }
  Write(*coordinator, client, key);
}

// A quorum of two, merged; the client keeps what it saw.
void CausalityWorld::StepRead(uint64_t client, int key) {
  std::vector<Replica*> readable;
  for (size_t i = 0; i < kOwners; ++i) {
    if (replicas_[i].up && replicas_[i].complete) readable.push_back(&replicas_[i]);
  }
  if (readable.size() < 2) return;
  readable.erase(readable.begin() + static_cast<int>(random_.Below(readable.size())));
  const Known a = Load(*readable[0], key);
  const Known b = Load(*readable[1 % readable.size()], key);
  Remember(client, key, {Sync(a.container, b.container), a.history | b.history});
}

void CausalityWorld::StepMessage() {
  if (messages_.empty()) return;
  const size_t at = random_.Below(messages_.size());
  const Message message = messages_[at];
  messages_.erase(messages_.begin() + static_cast<int>(at));
  if (random_.Percent(15)) messages_.push_back(message);  // once more, later
  if (random_.Percent(20)) return;                        // lost
  if (replicas_[message.to].actor == message.to_actor) {
    Receive(replicas_[message.to], message.copy);
  }
}

void CausalityWorld::StepHint() {
  auto& hints = replicas_[kOwners + random_.Below(kFallbacks)].hints;
  if (hints.empty()) return;
  const size_t at = random_.Below(hints.size());
  const auto chosen =
      std::next(hints[at].owners.begin(), static_cast<int>(random_.Below(hints[at].owners.size())));
  Replica& owner = replicas_[*chosen];
  if (!owner.up || !owner.complete) return;
  Receive(owner, hints[at].copy);
  hints[at].owners.erase(chosen);
  if (hints[at].owners.empty()) hints.erase(hints.begin() + static_cast<int>(at));
}

void CausalityWorld::StepExchange() {
  for (int i = 0; i < 2; ++i) {
    const size_t a = random_.Below(kOwners);
    const size_t b = (a + 1 + random_.Below(kOwners - 1)) % kOwners;
    if (replicas_[a].up && replicas_[b].up) Exchange(replicas_[a], replicas_[b]);
  }
}

void CausalityWorld::StepGossip() {
  for (size_t from = 0; from < kOwners; ++from) {
    for (size_t at = 0; at < kOwners; ++at) {
      if (from != at && replicas_[from].up && replicas_[at].up && random_.Percent(70)) {
        Hear(replicas_[from], replicas_[at]);
      }
    }
  }
  for (size_t i = 0; i < kOwners; ++i) Forget(replicas_[i]);
}

void CausalityWorld::StepFault() {
  Replica& owner = replicas_[random_.Below(kOwners)];
  if (!rules_.faults || !AnotherHoldsAll(owner)) return;
  if (!owner.snapshot || random_.Percent(50)) {
    LoseDisk(owner);
  } else {
    RollBack(owner);
  }
}

// What is promised to survive the loss of this owner: another is complete, and what was
// acknowledged is somewhere else, too.
bool CausalityWorld::AnotherHoldsAll(const Replica& owner) const {
  bool complete = false;
  History held;
  for (const Replica& replica : replicas_) {
    if (&replica == &owner) continue;
    if (replica.index < kOwners) complete = complete || replica.complete;
    for (const auto& [key, record] : replica.store) held |= record.history;
    for (const Hint& hint : replica.hints) held |= hint.copy.history;
  }
  for (const History& forgotten : forgotten_) held |= forgotten;
  return complete && std::ranges::all_of(acknowledged_, [&](size_t id) { return held[id]; });
}

void CausalityWorld::Write(Replica& coordinator, uint64_t client, int key) {
  if (events_.size() == kMaxEvents) return;
  const bool is_owner = coordinator.index < kOwners;
  Known known = Base(coordinator, key);
  if (!rules_.contiguity && is_owner) known.container.own_contiguous = true;

  Event event;
  event.key = key;
  const bool increments = random_.Percent(rules_.increments);
  const uint64_t kind = random_.Below(70);
  if (increments) {
    event.kind = Kind::kIncrement;
    event.delta = static_cast<int64_t>(random_.Below(15)) - 5;
  } else if (kind < 25) {
    event.kind = Kind::kDeletion;
  } else if (kind < 30 && !known.container.versions.empty()) {
    event.kind = Kind::kExpiry;
  }
  const bool blind = random_.Percent(60);
  if (event.kind == Kind::kValue || event.kind == Kind::kDeletion) {
    if (blind) event.removes = known.history;
    if (!blind || random_.Percent(50)) {
      History history;
      Seen seen = SeenBy(client, key, history);
      event.removes |= history;
      known.history |= history;
      if (!rules_.observed_resets) seen.counter = known.container.counter.WithoutResets();
      Discard(known.container, seen);
    }
    if (blind) DiscardAll(known.container);
  }

  const Dot dot{coordinator.actor, ++coordinator.number};
  event.dot = dot;
  const size_t id = events_.size();
  if (!event_of_.emplace(dot, id).second ||
      known.container.context.Highest(dot.actor) >= dot.number) {
    return Break(key, "P4: the dot " + NameOf(dot) + " was used before");
  }
  coordinator.received.Add(dot);
  Change(known, dot, event);
  events_.push_back(event);
  known.history.set(id);
  if (!rules_.intervals) ClaimAllUpToLast(known.container.context, dot.actor);
  Tell(key, [&] {
    static constexpr const char* kWhat[] = {"sets", "expires", "deletes", "adds to"};
    return NameOf(coordinator) + " " + kWhat[static_cast<int>(event.kind)] + " it: event " +
           std::to_string(id) + ", dot " + NameOf(dot) + ", removes" + NamesOf(event.removes) +
           ", leaves" + NameOf(known.container);
  });
  ++stats_.writes;
  if (event.kind == Kind::kIncrement) ++stats_.increments;

  Copy copy{.bytes = {}, .history = known.history, .key = key, .dot = dot};
  EncodeToMessage(known.container, copy.bytes);
  if (is_owner) Store(coordinator, key, known);
  if (Spread(coordinator, copy)) {
    acknowledged_.push_back(id);
    ++stats_.acknowledged;
  }
  if (random_.Percent(50)) {
    Known sent{.container = {}, .history = copy.history};
    std::string_view in = copy.bytes;
    if (!TakeFromMessage(in, sent.container)) return Break(key, "a message does not decode");
    Remember(client, key, sent);
  }
}

void CausalityWorld::Change(Known& known, const Dot& dot, Event& event) {
  Container& container = known.container;
  switch (event.kind) {
    case Kind::kIncrement: Increment(container, dot, event.delta); break;
    case Kind::kDeletion: NoteDeletion(container, dot); break;
    case Kind::kValue:
      event.value = "value of event " + std::to_string(events_.size());
      Put(container,
          {.dot = dot, .value_dot = dot, .hlc = Hlc{random_.Below(1000)}, .bytes = event.value});
      break;
    case Kind::kExpiry: {
      Version version = *Winner(container, 0);
      Seen seen;
      seen.context.AppendInterval({version.dot.actor, version.dot.number, version.dot.number});
      if (const auto winner = event_of_.find(version.dot); winner != event_of_.end()) {
        event.removes.set(winner->second);
      }
      Discard(container, seen);
      event.value = version.bytes;
      version.dot = dot;
      version.expire_at = static_cast<ExpireAt>(1 + random_.Below(1000));
      Put(container, version);
      break;
    }
  }
}

// To the other owners, each directly, late, through a fallback or not at all. Whether two have it.
bool CausalityWorld::Spread(Replica& coordinator, const Copy& copy) {
  if (coordinator.index >= kOwners) {
    coordinator.hints.push_back({copy, {0, 1, 2}});
    ++stats_.hints;
    return false;
  }
  int stored = 1;
  for (size_t i = 0; i < kOwners; ++i) {
    Replica& owner = replicas_[i];
    if (&owner == &coordinator) continue;
    const uint64_t how = random_.Below(100);
    if (owner.up && how < 60) {
      Receive(owner, copy);
      ++stored;
    } else if (how < 80) {
      messages_.push_back({i, owner.actor, copy});
    } else if (how < 93) {
      replicas_[kOwners + random_.Below(kFallbacks)].hints.push_back({copy, {i}});
      ++stored;
      ++stats_.hints;
    }
  }
  return stored >= 2;
}

void CausalityWorld::Receive(Replica& owner, const Copy& copy) {
  Container sent;
  std::string_view in = copy.bytes;
  if (!TakeFromMessage(in, sent) || !in.empty())
    return Break(copy.key, "a message does not decode");
  const size_t before = sent.versions.size();
  const bool has_record = owner.store.contains(copy.key);
  const Known local = Load(owner, copy.key);
  const ReceivedDots none;
  const auto applied = ApplyCopy(has_record ? &local.container : nullptr, std::move(sent),
                                 rules_.received_first ? owner.received : none, FloorOf(owner), {});
  owner.received.Add(copy.dot);
  Tell(copy.key, [&] {
    return NameOf(owner) + " receives the copy of " + NameOf(copy.dot) + " with" +
           NamesOf(copy.history) + ": " + (applied ? "now" + NameOf(*applied) : "nothing new");
  });
  if (!applied || applied->versions.size() < before) ++stats_.obsolete;
  if (applied) Store(owner, copy.key, {*applied, local.history | copy.history});
}

void CausalityWorld::Exchange(Replica& a, Replica& b) {
  // As they travel: what each has received when the exchange begins.
  std::string a_bytes;
  std::string b_bytes;
  a.received.EncodeTo(a_bytes);
  b.received.EncodeTo(b_bytes);
  ReceivedDots a_received;
  ReceivedDots b_received;
  std::string_view a_in = a_bytes;
  std::string_view b_in = b_bytes;
  if (!ReceivedDots::TakeFrom(a_in, a_received) || !ReceivedDots::TakeFrom(b_in, b_received)) {
    return Break(0, "received dots do not decode");
  }
  const Floor a_floor = FloorOf(a);
  const Floor b_floor = FloorOf(b);
  const bool both_complete = a.complete && b.complete;
  Tell(kEveryKey, [&] { return NameOf(a) + " and " + NameOf(b) + " exchange"; });
  for (int key = 0; key < kKeys && !broken_; ++key) {
    const Known of_a = Load(a, key);
    const Known of_b = Load(b, key);
    const bool at_a = a.store.contains(key);
    const bool at_b = b.store.contains(key);
    if (!at_a && !at_b) continue;
    Known both{cluster::Exchange(at_a ? &of_a.container : nullptr, a_received,
                                 at_b ? &of_b.container : nullptr, b_received,
                                 both_complete || !rules_.source),
               of_a.history | of_b.history};
    Tell(key, [&] { return "  and hold" + NameOf(both.container); });
    const bool store_at_a = at_a || !MayForget(both.container, a_floor);
    const bool store_at_b = at_b || !MayForget(both.container, b_floor);
    // Through a message: what is stored at one must not borrow from what the other overwrites.
    std::string bytes;
    EncodeToMessage(both.container, bytes);
    Known sent{.container = {}, .history = both.history};
    std::string_view in = bytes;
    if (!TakeFromMessage(in, sent.container)) return Break(key, "a message does not decode");
    sent.container.own_contiguous = of_a.container.own_contiguous;
    if (store_at_a) Store(a, key, sent);
    sent.container.own_contiguous = of_b.container.own_contiguous;
    if (store_at_b) Store(b, key, sent);
  }
  a.received.Join(b_received);
  b.received.Join(a_received);
  for (const auto& [one, other] : {std::pair(&a, &b), std::pair(&b, &a)}) {
    if (one->complete) continue;
    one->to_rebuild_from.erase(other->index);
    one->complete = one->to_rebuild_from.empty();
  }
}

void CausalityWorld::Hear(Replica& from, Replica& at) {
  Heard& heard = at.heard[from.index];
  FloorOf(at);  // an announcement that has come true makes room for the next
  if (heard.latest) return;
  Announcement announcement{.actor = from.actor, .bases = {}};
  for (const ActorId actor : from.received.actors()) {
    announcement.bases[actor] = from.received.BaseOf(actor);
  }
  heard.latest = std::move(announcement);
}

Floor CausalityWorld::FloorOf(Replica& owner) {
  Floor floor;
  for (const ActorId actor : owner.received.actors())
    floor.Set(actor, owner.received.BaseOf(actor));
  for (size_t i = 0; i < kOwners; ++i) {
    if (i == owner.index) continue;
    Heard& heard = owner.heard[i];
    if (heard.latest &&
        (!rules_.vouched_counters ||
         owner.received.BaseOf(heard.latest->actor) >= heard.latest->bases[heard.latest->actor])) {
      heard.vouched = std::move(heard.latest);
      heard.latest.reset();
    }
    for (const ActorId actor : owner.received.actors()) {
      const uint64_t told = heard.vouched ? heard.vouched->bases[actor] : 0;
      floor.Set(actor, std::min(floor(actor), told));
    }
  }
  if (rules_.vouched_counters) SetFormerActors(owner, floor);
  return floor;
}

// Former actors of which something may still come that is new to this owner.
void CausalityWorld::SetFormerActors(const Replica& owner, Floor& floor) const {
  History new_here;
  for (size_t id = 0; id < events_.size(); ++id) {
    const Dot dot = events_[id].dot;
    if (former_.contains(dot.actor) && !owner.received.Has(dot)) new_here.set(id);
  }
  History under_way;
  for (const Message& message : messages_) under_way |= message.copy.history;
  for (const Replica& replica : replicas_) {
    for (const Hint& hint : replica.hints) under_way |= hint.copy.history;
    for (const auto& [key, record] : replica.store) under_way |= record.history;
    if (!replica.snapshot) continue;
    for (const auto& [key, record] : replica.snapshot->store) under_way |= record.history;
  }
  for (size_t id = 0; id < events_.size(); ++id) {
    if ((new_here & under_way)[id]) floor.SetFormer(events_[id].dot.actor);
  }
}

void CausalityWorld::Forget(Replica& owner) {
  if (!owner.complete) return;
  const Floor floor = FloorOf(owner);
  for (int key = 0; key < kKeys; ++key) {
    if (!owner.store.contains(key)) continue;
    const Known known = Load(owner, key);
    if (!(rules_.floor ? MayForget(known.container, floor) : known.container.IsDeleted())) continue;
    Tell(key, [&] { return NameOf(owner) + " forgets it, with" + NamesOf(known.history); });
    forgotten_[static_cast<size_t>(key)] |= known.history;
    owner.store.erase(key);
    ++stats_.forgotten;
  }
}

void CausalityWorld::LoseDisk(Replica& owner) {
  Tell(kEveryKey, [&] { return NameOf(owner) + " loses its disk"; });
  owner.store.clear();
  owner.actors = {};
  owner.received = {};
  owner.snapshot.reset();
  ++stats_.disks_lost;
  if (rules_.rotation) {
    Rotate(owner);
  } else {
    owner.number = 0;
  }
  StartRebuild(owner);
}

void CausalityWorld::RollBack(Replica& owner) {
  Tell(kEveryKey, [&] { return NameOf(owner) + " goes back in time"; });
  Snapshot& snapshot = *owner.snapshot;
  owner.store = std::move(snapshot.store);
  owner.actor = snapshot.actor;
  owner.number = snapshot.number;
  std::string_view tables = snapshot.tables;
  if (!ActorTable::TakeFrom(tables, owner.actors) ||
      !ReceivedDots::TakeFrom(tables, owner.received) || !tables.empty()) {
    return Break(0, "the tables of a snapshot do not decode");
  }
  owner.snapshot.reset();
  ++stats_.rollbacks;
  if (rules_.rotation) Rotate(owner);
  if (rules_.rebuilding) StartRebuild(owner);
}

void CausalityWorld::Rotate(Replica& owner) {
  owner.actor = NewActor(owner.index);
  owner.number = 0;
}

void CausalityWorld::StartRebuild(Replica& owner) {
  owner.complete = false;
  owner.heard = {};
  owner.to_rebuild_from.clear();
  for (size_t i = 0; i < kOwners; ++i) {
    replicas_[i].heard[owner.index] = {};
    if (i != owner.index) owner.to_rebuild_from.insert(i);
  }
}

CausalityWorld::Known CausalityWorld::Load(const Replica& replica, int key) {
  Known known;
  const auto found = replica.store.find(key);
  if (found == replica.store.end()) return known;
  known.history = found->second.history;
  if (!DecodeStored(StoreKeyOf(key), found->second.bytes, replica.actors, known.container)) {
    Break(key, "a record does not decode");
  }
  return known;
}

// What a coordinator knows of a key: an owner its record, a fallback what its hints say.
CausalityWorld::Known CausalityWorld::Base(const Replica& coordinator, int key) {
  if (coordinator.index < kOwners) return Load(coordinator, key);
  Known known;
  for (const Hint& hint : coordinator.hints) {
    if (hint.copy.key != key) continue;
    Container copy;
    std::string_view in = hint.copy.bytes;
    if (!TakeFromMessage(in, copy)) Break(key, "a hint does not decode");
    known.container = Sync(known.container, copy);
    known.history |= hint.copy.history;
  }
  return known;
}

void CausalityWorld::Store(Replica& replica, int key, const Known& known) {
  if (known.container.versions.empty() && known.container.context.empty()) return;
  CheckKnown(replica, key, known);
  Record record{.bytes = {}, .history = known.history};
  EncodeStored(StoreKeyOf(key), known.container, replica.actors, record.bytes);
  Container decoded;
  if (!DecodeStored(StoreKeyOf(key), record.bytes, replica.actors, decoded) ||
      decoded != known.container) {
    return Break(key, "a record comes back differently");
  }
  replica.store[key] = std::move(record);
}

Seen CausalityWorld::SeenBy(uint64_t client, int key, History& history) {
  const auto session = sessions_.find({client, key});
  if (session == sessions_.end()) return {};
  const auto seen = ReadContextToken(kTokenKey, {0, KeyOf(key)}, session->second.token);
  if (!seen) Break(key, "a token is refused");
  history = session->second.history;
  return seen.value_or(Seen{});
}

void CausalityWorld::Remember(uint64_t client, int key, const Known& known) {
  sessions_[{client, key}] = {MakeContextToken(kTokenKey, {0, KeyOf(key)}, SeenOf(known.container)),
                              known.history};
}

ActorId CausalityWorld::NewActor(size_t replica) {
  if (replica < kOwners && replicas_[replica].actor != ActorId{}) {
    former_.insert(replicas_[replica].actor);
  }
  const ActorId actor{random_.Next() | 1};
  actor_names_[actor] =
      std::string(1, "ABCFG"[replica]) + std::to_string(actor_names_.size() - replica + 1);
  return actor;
}

}  // namespace cartwheel::cluster
