// SUBSCRIBE and its relatives. Confirmations are pushes: one for each name, in the order given.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/cluster_errors.h"
#include "server/handlers.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

using Kind = PubSub::Kind;

// Redis counts channels and patterns together, shard channels by themselves.
int64_t CountAfter(const Session& session, Kind kind) {
  return static_cast<int64_t>(kind == Kind::kShard ? session.shard_channels.size()
                                                   : session.subscription_count());
}

// A null name: there was nothing to unsubscribe from. A push, so CLIENT REPLY OFF does not stop it.
void Confirm(CommandContext& context, Kind kind, std::string_view what,
             std::optional<std::string_view> name) {
  const size_t begin = context.reply.size();
  context.reply.Push(3);
  context.reply.Bulk(what);
  name ? context.reply.Bulk(*name) : context.reply.Null();
  context.reply.Integer(CountAfter(context.session, kind));
  context.session.NotePush(begin);
}

void SubscribeEach(CommandContext& context, Kind kind, std::string_view what) {
  for (std::string_view name : context.args.subspan(1)) {
    context.server.pub_sub().Subscribe(context.session, kind, name);
    Confirm(context, kind, what, name);
  }
}

void UnsubscribeEach(CommandContext& context, Kind kind, std::string_view what,
                     const std::set<std::string, std::less<>>& current) {
  std::vector<std::string> names(context.args.begin() + 1, context.args.end());
  if (names.empty()) names.assign(current.begin(), current.end());
  for (const std::string& name : names) {
    context.server.pub_sub().Unsubscribe(context.session, kind, name);
    Confirm(context, kind, what, name);
  }
  if (names.empty()) Confirm(context, kind, what, std::nullopt);
}

void PublishAs(CommandContext& context, Kind kind) {
  const std::string_view channel = context.args[1];
  const std::string_view message = context.args[2];
  if (channel.size() + message.size() > kMaxReplicatedBytes &&
      context.server.gateway() != nullptr) {
    return context.reply.Error(kTooLongToReplicate);
  }
  const size_t receivers = context.server.PublishEverywhere(kind, channel, message);
  context.reply.Integer(static_cast<int64_t>(receivers));
}

void ReplyNames(CommandContext& context, Kind kind) {
  if (context.args.size() > 3) {
    context.reply.Error("ERR unknown subcommand or wrong number of arguments for '" +
                        std::string(context.args[1]) + "'. Try PUBSUB HELP.");
    return;
  }
  std::optional<std::string_view> pattern;
  if (context.args.size() > 2) pattern = context.args[2];
  const auto names = context.server.pub_sub().ActiveChannels(kind, pattern);
  context.reply.Array(names.size());
  for (std::string_view name : names) context.reply.Bulk(name);
}

void ReplyCounts(CommandContext& context, Kind kind) {
  const Args names = context.args.subspan(2);
  context.reply.Array(2 * names.size());
  for (std::string_view name : names) {
    context.reply.Bulk(name);
    context.reply.Integer(
        static_cast<int64_t>(context.server.pub_sub().SubscriberCount(kind, name)));
  }
}

}  // namespace

void Subscribe(CommandContext& context) {
  SubscribeEach(context, Kind::kChannel, "subscribe");
}
void PSubscribe(CommandContext& context) {
  SubscribeEach(context, Kind::kPattern, "psubscribe");
}
void SSubscribe(CommandContext& context) {
  if (context.session.in_exec) {
    context.reply.Error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    return;
  }
  SubscribeEach(context, Kind::kShard, "ssubscribe");
}

void Unsubscribe(CommandContext& context) {
  UnsubscribeEach(context, Kind::kChannel, "unsubscribe", context.session.channels);
}
void PUnsubscribe(CommandContext& context) {
  UnsubscribeEach(context, Kind::kPattern, "punsubscribe", context.session.patterns);
}
void SUnsubscribe(CommandContext& context) {
  UnsubscribeEach(context, Kind::kShard, "sunsubscribe", context.session.shard_channels);
}

void Publish(CommandContext& context) {
  PublishAs(context, Kind::kChannel);
}

void SPublish(CommandContext& context) {
  PublishAs(context, Kind::kShard);
}

void PubSubChannels(CommandContext& context) {
  ReplyNames(context, Kind::kChannel);
}
void PubSubShardChannels(CommandContext& context) {
  ReplyNames(context, Kind::kShard);
}
void PubSubNumSub(CommandContext& context) {
  ReplyCounts(context, Kind::kChannel);
}
void PubSubShardNumSub(CommandContext& context) {
  ReplyCounts(context, Kind::kShard);
}
void PubSubNumPat(CommandContext& context) {
  context.reply.Integer(static_cast<int64_t>(context.server.pub_sub().pattern_count()));
}

}  // namespace cartwheel::server
