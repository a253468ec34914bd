// Which sessions watch which keys (WATCH), so that a change costs one lookup, and nothing while
// nobody watches.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/value.h"
#include "server/session.h"

namespace cartwheel::server {

class WatchTable {
 public:
  // No effect if the session watches the key already.
  void Watch(Session& session, const cluster::KeyRef& ref, cluster::ExpireAt expire_at);
  void UnwatchAll(Session& session);

  // The key changed: its watchers' EXEC will fail.
  void Touch(const cluster::KeyRef& ref) {
    if (!watchers_.empty()) TouchWatched(ref);
  }
  // The watched keys of which `changed` says so have changed.
  void TouchIf(const std::function<bool(const cluster::KeyRef&)>& changed);

  bool empty() const { return watchers_.empty(); }

 private:
  using Key = std::pair<cluster::Database, std::string>;
  struct Less {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      if (a.first != b.first) return a.first < b.first;
      return std::string_view(a.second) < std::string_view(b.second);
    }
  };
  void TouchWatched(const cluster::KeyRef& ref);

  std::map<Key, std::vector<Session*>, Less> watchers_;
};

}  // namespace cartwheel::server
