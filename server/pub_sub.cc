#include "server/pub_sub.h"

#include "server/text.h"

namespace cartwheel::server {
namespace {

using Delivered = std::function<void(Session&)>;

void Deliver(Session& session, std::string_view kind, std::string_view channel,
             std::string_view message) {
  const size_t begin = session.output.size();
  resp::ReplyWriter reply = session.writer();
  reply.Push(3);
  reply.Bulk(kind);
  reply.Bulk(channel);
  reply.Bulk(message);
  session.NotePush(begin);
}

void DeliverMatch(Session& session, std::string_view pattern, std::string_view channel,
                  std::string_view message) {
  const size_t begin = session.output.size();
  resp::ReplyWriter reply = session.writer();
  reply.Push(4);
  reply.Bulk("pmessage");
  reply.Bulk(pattern);
  reply.Bulk(channel);
  reply.Bulk(message);
  session.NotePush(begin);
}

}  // namespace

PubSub::Directory& PubSub::DirectoryOf(Kind kind) {
  switch (kind) {
    case Kind::kChannel: return channels_;
    case Kind::kPattern: return patterns_;
    case Kind::kShard: break;
  }
  return shard_channels_;
}

const PubSub::Directory& PubSub::DirectoryOf(Kind kind) const {
  return const_cast<PubSub*>(this)->DirectoryOf(kind);
}

std::set<std::string, std::less<>>& PubSub::NamesOf(Session& session, Kind kind) {
  switch (kind) {
    case Kind::kChannel: return session.channels;
    case Kind::kPattern: return session.patterns;
    case Kind::kShard: break;
  }
  return session.shard_channels;
}

bool PubSub::Subscribe(Session& session, Kind kind, std::string_view name) {
  if (!NamesOf(session, kind).emplace(name).second) return false;
  DirectoryOf(kind)[std::string(name)].emplace(session.id, &session);
  return true;
}

bool PubSub::Unsubscribe(Session& session, Kind kind, std::string_view name) {
  auto& names = NamesOf(session, kind);
  auto own = names.find(name);
  if (own == names.end()) return false;
  Directory& directory = DirectoryOf(kind);
  auto entry = directory.find(name);
  entry->second.erase(session.id);
  if (entry->second.empty()) directory.erase(entry);
  names.erase(own);
  return true;
}

void PubSub::UnsubscribeAll(Session& session) {
  for (Kind kind : {Kind::kChannel, Kind::kPattern, Kind::kShard}) {
    auto& names = NamesOf(session, kind);
    while (!names.empty()) Unsubscribe(session, kind, std::string(*names.begin()));
  }
}

size_t PubSub::Publish(std::string_view channel, std::string_view message,
                       const Delivered& delivered) {
  size_t receivers = 0;
  if (auto exact = channels_.find(channel); exact != channels_.end()) {
    for (auto& [id, session] : exact->second) {
      Deliver(*session, "message", channel, message);
      delivered(*session);
      ++receivers;
    }
  }
  for (auto& [pattern, subscribers] : patterns_) {
    if (!GlobMatch(pattern, channel)) continue;
    for (auto& [id, session] : subscribers) {
      DeliverMatch(*session, pattern, channel, message);
      delivered(*session);
      ++receivers;
    }
  }
  return receivers;
}

size_t PubSub::PublishShard(std::string_view channel, std::string_view message,
                            const Delivered& delivered) {
  auto exact = shard_channels_.find(channel);
  if (exact == shard_channels_.end()) return 0;
  for (auto& [id, session] : exact->second) {
    Deliver(*session, "smessage", channel, message);
    delivered(*session);
  }
  return exact->second.size();
}

std::vector<std::string_view> PubSub::ActiveChannels(
    Kind kind, std::optional<std::string_view> pattern) const {
  std::vector<std::string_view> names;
  for (const auto& [name, subscribers] : DirectoryOf(kind)) {
    if (!pattern || GlobMatch(*pattern, name)) names.push_back(name);
  }
  return names;
}

size_t PubSub::SubscriberCount(Kind kind, std::string_view name) const {
  const Directory& directory = DirectoryOf(kind);
  auto found = directory.find(name);
  return found == directory.end() ? 0 : found->second.size();
}

}  // namespace cartwheel::server
