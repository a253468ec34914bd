#include "cluster/former_actors.h"

#include <algorithm>
#include <utility>

#include "storage/mutation.h"

namespace cartwheel::cluster {

bool FormerActors::OnTime(int64_t now_us) {
  if (now_us < next_us_) return false;
  next_us_ = now_us + options_.every_us;
  if (!waiting_.empty()) Abandon();  // somebody has not answered
  asked_ = FindAll();
  if (asked_.empty()) {
    passed_.clear();
    return false;
  }
  round_ = RequestId{static_cast<uint64_t>(round_) + 1};
  const AskFormer question = Question();
  for (const AskFormer::Actor& asked : question.actors) {
    if (IsKept(asked)) asked_.erase(asked.partition);
  }
  for (const Member& member : ring_.members()) {
    if (member.node == self_) continue;
    if (!peers_.Send(member.node, question)) {
      Abandon();
      return false;
    }
    waiting_.insert(member.node);
  }
  return waiting_.empty() && EndRound();
}

// ---- the one who asks

std::optional<std::vector<const OwnerWord*>> FormerActors::WordsOfOthers(
    Partition partition) const {
  std::vector<const OwnerWord*> words;
  for (const NodeId owner : ring_.OwnersOf(partition)) {
    if (owner == self_) continue;
    const OwnerWord* const word = forgetting_.LastWordOf(partition, owner);
    if (word == nullptr || word->rebuilding) return std::nullopt;
    words.push_back(word);
  }
  return words;
}

// Of a partition whose first owner this node is.
FormerActors::Actors FormerActors::FindIn(Partition partition) const {
  const auto owners = ring_.OwnersOf(partition);
  const bool asks = !owners.empty() && owners.front() == self_ && !ring_.IsMoving(partition) &&
                    store_.IsComplete(partition);
  const auto words = asks ? WordsOfOthers(partition) : std::nullopt;
  if (!words) return {};
  const Vnode& vnode = store_.VnodeOf(partition);
  Actors found;
  for (const ActorId actor : vnode.received.actors()) {
    const bool is_present =
        actor == vnode.actor || std::ranges::any_of(*words, [actor](const OwnerWord* word) {
          return word->actor == actor;
        });
    const bool is_same = std::ranges::all_of(*words, [&](const OwnerWord* word) {
      return word->received.IsSameOf(actor, vnode.received);
    });
    const bool is_former = !is_present && !vnode.received.IsClosed(actor);
    if (is_former && is_same && found.size() < options_.most_actors) found.push_back(actor);
  }
  return found;
}

FormerActors::Found FormerActors::FindAll() const {
  Found found;
  for (Partition partition = 0; partition < kPartitions; ++partition) {
    Actors actors = FindIn(partition);
    if (!actors.empty()) found.emplace(partition, std::move(actors));
  }
  return found;
}

AskFormer FormerActors::Question() const {
  AskFormer question{.id = round_};
  for (const auto& [partition, actors] : asked_) {
    for (const ActorId actor : actors) {
      question.actors.push_back({partition, ring_.EpochOf(partition), actor});
    }
  }
  return question;
}

void FormerActors::Abandon() {
  waiting_.clear();
  asked_.clear();
  passed_.clear();
}

void FormerActors::PeerDown(NodeId) {
  Abandon();
}

void FormerActors::RingChanged(const PartitionSet& changed) {
  for (Found* found : {&asked_, &passed_}) {
    std::erase_if(*found, [&](const auto& entry) { return changed[entry.first]; });
  }
}

bool FormerActors::On(NodeId from, const FormerReply& message) {
  if (message.id != round_ || waiting_.erase(from) == 0) return false;
  for (const Partition partition : message.kept) asked_.erase(partition);
  return waiting_.empty() && EndRound();
}

// What nobody keeps passes; what has passed twice is closed, if it is still as it was found.
bool FormerActors::EndRound() {
  const Found before = std::exchange(passed_, std::exchange(asked_, {}));
  bool changed = false;
  for (auto entry = passed_.begin(); entry != passed_.end();) {
    const auto& [partition, actors] = *entry;
    const auto earlier = before.find(partition);
    const bool twice = earlier != before.end() && earlier->second == actors;
    const bool now = twice || IsPlanted(Mutation::kClosesUnasked);
    if (!now || FindIn(partition) != actors) {
      ++entry;
      continue;
    }
    Close(partition, actors);
    changed = true;
    entry = passed_.erase(entry);
  }
  return changed;
}

void FormerActors::Close(Partition partition, const Actors& actors) {
  ReceivedDots closed;
  for (const ActorId actor : actors) closed.Close(actor);
  store_.JoinReceived(partition, closed);
  forgetting_.TellSoon(partition);
  closed_ += actors.size();
}

// ---- whoever is asked

bool FormerActors::IsKept(const AskFormer::Actor& asked) const {
  if (IsPlanted(Mutation::kClosesUnasked)) return false;
  return asked.epoch != ring_.EpochOf(asked.partition) || !retire_.IsDrained() ||
         store_.VnodeOf(asked.partition).actor == asked.actor;
}

bool FormerActors::On(NodeId from, const AskFormer& message) {
  FormerReply reply{.id = message.id};
  std::set<Partition> kept;
  bool changed = false;
  for (const AskFormer::Actor& asked : message.actors) {
    if (!IsKept(asked)) continue;
    kept.insert(asked.partition);
    const bool is_own = store_.VnodeOf(asked.partition).actor == asked.actor;
    const bool is_owner = ring_.Owns(self_, asked.partition) || ring_.IsMoving(asked.partition);
    if (!is_own || is_owner || !retire_.IsDrained()) continue;
    store_.Renew(asked.partition);
    changed = true;
  }
  reply.kept.assign(kept.begin(), kept.end());
  peers_.Send(from, reply);
  return changed;
}

}  // namespace cartwheel::cluster
