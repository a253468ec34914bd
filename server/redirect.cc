// cluster-redirect: keys that this node does not hold are another's to serve, as in a Redis
// Cluster. The checks and their order are those of getNodeByQuery in Redis's cluster.c.
#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/cluster_errors.h"
#include "server/handlers.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

// What a request needs, of which there should be one.
struct SlotsOfKeys {
  std::optional<cluster::Slot> slot;
  bool several = false;

  void Add(std::string_view key) {
    const cluster::Slot another = cluster::SlotOf(key);
    several = several || slot.value_or(another) != another;
    slot = another;
  }
};

constexpr std::string_view kMoved = "MOVED ";

size_t HashOf(Args args) {
  size_t hash = args.size();
  for (const std::string_view arg : args) {
    hash = hash * 1'000'003 + std::hash<std::string_view>()(arg);
  }
  return hash;
}

// Whoever follows a redirection does not come back with the same request. Who does, twice, cannot
// go there: the node named is lost and we do not know it yet, its address is not one for this
// client, or the client holds it for lost (phpredis does, for good, once ten attempts to connect
// have failed). It would ask again until its time is up, when any node can serve it.
//
// A request is the same only with all its arguments, and again only once the reply has left: of
// what is sent at once everything is sent away, lest the client's own order be turned round.
bool HasGoneInVain(Session& session, Args args, uint64_t turn) {
  constexpr int kInVain = 2;
  Session::SentAway& last = session.sent_away;
  const size_t request = HashOf(args);
  if (last.request != request) last = {.request = request};
  if (last.turn != turn) {
    last.turn = turn;
    ++last.times;
  }
  return last.times > kInVain;
}

bool OnlyReads(const Session& session, const Command& command) {
  if (command.handler == Exec) return !session.HasQueued(kWrite);
  return (command.flags & kReadOnly) != 0;
}

}  // namespace

// The error that sends its client elsewhere, or empty: also for a request that has been sent away
// in vain.
std::string Server::WhyElsewhere(Session& session, const Command& command, Args args) {
  if (!options_.config.cluster_redirect || gateway_ == nullptr) return "";
  std::string error = WhatSendsElsewhere(session, command, args);
  if (session.in_transaction || !error.starts_with(kMoved)) {
    session.sent_away = {};
    return error;
  }
  return HasGoneInVain(session, args, turn_) ? "" : error;
}

// EXEC is about all that was queued.
std::string Server::WhatSendsElsewhere(const Session& session, const Command& command, Args args) {
  SlotsOfKeys slots;
  const auto add = [&](const Command& of, const auto& arguments) {
    KeyIndexesOf(of, arguments.size(), key_indexes_);
    for (const size_t index : key_indexes_) slots.Add(arguments[index]);
  };
  add(command, args);
  if (command.handler == Exec) {
    for (const Session::QueuedCommand& queued : session.queue) add(*queued.command, queued.args);
  }
  if (slots.several) return std::string(kCrossSlot);
  if (!slots.slot || session.asking) return "";
  if (session.reads_anywhere && OnlyReads(session, command)) return "";
  return RedirectionOf(*slots.slot, session);
}

// To the owner with which CLUSTER SLOTS lists it. Whoever stands in for lost owners may as well be
// this node.
std::string Server::RedirectionOf(cluster::Slot slot, const Session& session) const {
  const auto owners = gateway_->node().ring().OwnersOf(cluster::PartitionOf(slot));
  const cluster::NodeId self = gateway_->options().self;
  if (std::ranges::find(owners, self) != owners.end()) return "";
  for (const cluster::NodeId owner : owners) {
    const ClusterMap::Node node = MapNode(owner, session);
    if (node.listed()) return Moved(slot, node.address);
  }
  return "";
}

}  // namespace cartwheel::server
