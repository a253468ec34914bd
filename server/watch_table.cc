#include "server/watch_table.h"

#include <algorithm>

namespace cartwheel::server {

void WatchTable::Watch(Session& session, const cluster::KeyRef& ref, cluster::ExpireAt expire_at) {
  auto same = [&](const WatchedKey& key) {
    return key.database == ref.database && key.key == ref.key;
  };
  if (std::ranges::any_of(session.watched, same)) return;
  session.watched.push_back({ref.database, std::string(ref.key), expire_at});
  watchers_[{ref.database, std::string(ref.key)}].push_back(&session);
}

void WatchTable::UnwatchAll(Session& session) {
  for (const WatchedKey& watched : session.watched) {
    auto found = watchers_.find(std::pair(watched.database, std::string_view(watched.key)));
    if (found == watchers_.end()) continue;
    std::erase(found->second, &session);
    if (found->second.empty()) watchers_.erase(found);
  }
  session.watched.clear();
  session.watched_key_changed = false;
}

void WatchTable::TouchWatched(const cluster::KeyRef& ref) {
  auto found = watchers_.find(std::pair(ref.database, ref.key));
  if (found == watchers_.end()) return;
  for (Session* session : found->second) session->watched_key_changed = true;
}

void WatchTable::TouchIf(const std::function<bool(const cluster::KeyRef&)>& changed) {
  for (auto& [key, sessions] : watchers_) {
    if (!changed({key.first, key.second})) continue;
    for (Session* session : sessions) session->watched_key_changed = true;
  }
}

}  // namespace cartwheel::server
