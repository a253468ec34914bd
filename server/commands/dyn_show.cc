// DYN.KEYINFO, DYN.CONFLICTS, DYN.QUORUM: what an operator looks at.
#include <algorithm>
#include <string>

#include <fmt/format.h>

#include "cluster/shown_value.h"
#include "cluster/siblings.h"
#include "cluster/slot.h"
#include "cluster/vnode.h"
#include "server/errors.h"
#include "server/handlers.h"
#include "server/quorum_request.h"
#include "server/server.h"
#include "server/text.h"
#include "server/version_text.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kDefaultConflicts = 10;

void AddText(resp::ReplyWriter& reply, std::string_view name, std::string_view value) {
  reply.Bulk(name);
  reply.Bulk(value);
}

void AddInteger(resp::ReplyWriter& reply, std::string_view name, uint64_t value) {
  reply.Bulk(name);
  reply.Integer(static_cast<int64_t>(value));
}

std::string_view StateOf(const cluster::Container& container, bool shown) {
  if (shown) return "live";
  if (!container.versions.empty()) return "expired";
  return container.context.empty() ? "absent" : "deleted";
}

std::string VersionText(const cluster::Version& version, const cluster::Version* winner,
                        int64_t now_ms) {
  std::string text =
      fmt::format("{} written at {}, {} bytes, expires {}", TextOf(version.dot),
                  TextOf(version.hlc), version.bytes.size(), ExpiryText(version.expire_at, now_ms));
  if (version.value_dot != version.dot) text += ", value of " + TextOf(version.value_dot);
  if (&version == winner) text += ", shown";
  return text;
}

void ReplyConflict(resp::ReplyWriter& reply, const ConflictLog::Entry& entry) {
  reply.Map(10);
  AddInteger(reply, "id", entry.id);
  AddText(reply, "what", NameOf(entry.kind));
  AddInteger(reply, "db", entry.database);
  AddText(reply, "key", entry.key);
  AddText(reply, "dot",
          fmt::format("{} written at {}", TextOf(entry.value.value_dot), TextOf(entry.value.hlc)));
  AddInteger(reply, "bytes", entry.value.bytes);
  AddText(reply, "shown", TextOf(entry.shown));
  AddInteger(reply, "times", entry.times);
  AddInteger(reply, "first_ms", static_cast<uint64_t>(entry.first_unix_ms));
  AddInteger(reply, "last_ms", static_cast<uint64_t>(entry.last_unix_ms));
}

std::string InForce(const cluster::Levels& levels) {
  return fmt::format("N={} R={} W={} PR={} PW={} DW={}", levels.n, levels.r, levels.w, levels.pr,
                     levels.pw, levels.dw);
}

// In the order in which they coordinate.
void ReplyOwners(CommandContext& context, cluster::Slot slot) {
  context.reply.Bulk("owners");
  Gateway* const gateway = context.server.gateway();
  if (gateway == nullptr) {
    context.reply.Array(1);
    return context.reply.Bulk("this node");
  }
  const cluster::Node& node = gateway->node();
  const auto owners = node.ring().OwnersOf(cluster::PartitionOf(slot));
  context.reply.Array(owners.size());
  for (const cluster::NodeId owner : owners) {
    const bool self = owner == node.self();
    const char* const state = self ? "this node" : node.peers().IsHealthy(owner) ? "up" : "down";
    context.reply.Bulk(fmt::format("node {} ({})", static_cast<uint64_t>(owner), state));
  }
}

void ReplyLevels(resp::ReplyWriter& reply, const cluster::Levels& levels, size_t owners) {
  reply.Map(7);
  AddInteger(reply, "n", levels.n);
  AddInteger(reply, "r", levels.r);
  AddInteger(reply, "w", levels.w);
  AddInteger(reply, "pr", levels.pr);
  AddInteger(reply, "pw", levels.pw);
  AddInteger(reply, "dw", levels.dw);
  AddText(reply, "in_force", InForce(levels.Over(owners)));
}

}  // namespace

void DynKeyInfo(CommandContext& context) {
  const cluster::KeyRef ref{context.session.database, context.args[1]};
  const int64_t now_ms = context.now.unix_ms();
  const size_t record_bytes = context.server.store().RecordBytes(ref);
  resp::ReplyWriter& reply = context.reply;
  const cluster::Container* found = context.server.executor().ReadContainer(ref, reply);
  if (found == nullptr) return;
  const cluster::Container& container = *found;
  const cluster::Version* winner = cluster::Winner(container, now_ms);
  std::string text;
  const size_t siblings = cluster::SiblingsOf(container, now_ms, text).size();
  const cluster::Slot slot = cluster::SlotOf(ref.key);
  reply.Map(11);
  AddText(reply, "state", StateOf(container, siblings > 0));
  AddInteger(reply, "slot", slot);
  AddInteger(reply, "partition", cluster::PartitionOf(slot));
  ReplyOwners(context, slot);
  AddInteger(reply, "siblings", siblings);
  reply.Bulk("versions");
  reply.Array(container.versions.size());
  for (const cluster::Version& version : container.versions) {
    reply.Bulk(VersionText(version, winner, now_ms));
  }
  AddText(reply, "counter", TextOf(container.counter));
  AddText(reply, "context", TextOf(container.context));
  AddText(reply, "hlc", winner == nullptr ? "none" : TextOf(winner->hlc));
  AddText(reply, "expires", ExpiryText(cluster::GoneAt(container), now_ms));
  AddInteger(reply, "record_bytes", record_bytes);
}

void DynConflictsGet(CommandContext& context) {
  const Args args = context.args;
  if (args.size() > 3) {
    context.reply.Error("ERR unknown subcommand or wrong number of arguments for '" +
                        std::string(args[1]) + "'. Try DYN.CONFLICTS HELP.");
    return;
  }
  const auto& entries = context.server.conflicts().entries();
  const auto wanted = args.size() == 3 ? ParseInteger(args[2]) : kDefaultConflicts;
  if (!wanted || *wanted < -1) {
    context.reply.Error("ERR count should be greater than or equal to -1");
    return;
  }
  const size_t count =
      *wanted < 0 ? entries.size() : std::min(entries.size(), static_cast<size_t>(*wanted));
  context.reply.Array(count);
  for (size_t i = 0; i < count; ++i) ReplyConflict(context.reply, entries[i]);
}

void DynConflictsLen(CommandContext& context) {
  context.reply.Integer(static_cast<int64_t>(context.server.conflicts().entries().size()));
}

void DynConflictsReset(CommandContext& context) {
  context.server.conflicts().Clear();
  context.reply.Ok();
}

// Behind a DYN.QUORUM with a command stands that command alone: Server::Route.
void DynQuorum(CommandContext& context) {
  Session& session = context.session;
  if (session.command_levels) {
    context.reply.Error("ERR DYN.QUORUM cannot run DYN.QUORUM");
    return;
  }
  const auto request = ParseQuorumRequest(context.args, session.levels);
  if (!request) return context.reply.Error(request.error());
  if (!request->reset && !request->given) {
    Gateway* const gateway = context.server.gateway();
    const size_t owners = gateway == nullptr ? 1 : gateway->node().ring().copies();
    return ReplyLevels(context.reply, session.levels, owners);
  }
  session.levels = request->reset ? context.server.default_levels() : request->levels;
  context.reply.Ok();
}

}  // namespace cartwheel::server
