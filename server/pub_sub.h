// Who listens to which channel. Deliveries go to subscribers of the channel in the order of their
// ids, then to those of matching patterns in the order of the patterns, as messages in the
// subscribers' outputs.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/session.h"

namespace cartwheel::server {

class PubSub {
 public:
  enum class Kind : uint8_t { kChannel, kPattern, kShard };

  // False when nothing changed: subscribed already, or not subscribed.
  bool Subscribe(Session& session, Kind kind, std::string_view name);
  bool Unsubscribe(Session& session, Kind kind, std::string_view name);
  void UnsubscribeAll(Session& session);

  // Appends the message to every receiver's output and calls `delivered` for each; returns their
  // number.
  size_t Publish(std::string_view channel, std::string_view message,
                 const std::function<void(Session&)>& delivered);
  size_t PublishShard(std::string_view channel, std::string_view message,
                      const std::function<void(Session&)>& delivered);

  // Names with at least one subscriber that match the glob pattern, or all, ascending. `*` is not
  // all: it does not match the empty name, as in Redis.
  std::vector<std::string_view> ActiveChannels(Kind kind,
                                               std::optional<std::string_view> pattern) const;
  size_t SubscriberCount(Kind kind, std::string_view name) const;
  size_t pattern_count() const { return patterns_.size(); }
  size_t channel_count() const { return channels_.size(); }
  size_t shard_channel_count() const { return shard_channels_.size(); }

 private:
  using Subscribers = std::map<SessionId, Session*>;
  using Directory = std::map<std::string, Subscribers, std::less<>>;

  Directory& DirectoryOf(Kind kind);
  const Directory& DirectoryOf(Kind kind) const;
  static std::set<std::string, std::less<>>& NamesOf(Session& session, Kind kind);

  Directory channels_;
  Directory patterns_;
  Directory shard_channels_;
};

}  // namespace cartwheel::server
