// Stub until the replica side lands.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "cluster/dot_list.h"
#include "cluster/node_id.h"
#include "storage/engine.h"
namespace cartwheel::cluster {
struct Hint {
  std::string store_key;
  DotList dots;
};
class Hints {
 public:
  explicit Hints(storage::Engine&) {}
  void Add(NodeId target, std::string_view store_key, const DotList& dots, int64_t) {
    auto& have = hints_[{target, std::string(store_key)}];
    have.insert(have.end(), dots.begin(), dots.end());
  }
  std::vector<Hint> Next(NodeId target, std::string_view after, size_t max) const {
    std::vector<Hint> out;
    for (auto it = hints_.upper_bound({target, std::string(after)});
         it != hints_.end() && it->first.first == target && out.size() < max; ++it) {
      out.push_back({it->first.second, it->second});
    }
    return out;
  }
  void Done(NodeId target, const Hint& hint) { hints_.erase({target, hint.store_key}); }
  size_t CountOf(NodeId target) const {
    size_t n = 0;
    for (auto& [k, v] : hints_) n += k.first == target;
    return n;
  }
  bool HasAny(std::string_view store_key, std::span<const NodeId> targets) const {
    for (NodeId t : targets)
      if (hints_.contains({t, std::string(store_key)})) return true;
    return false;
  }
  std::vector<NodeId> Targets() const {
    std::vector<NodeId> out;
    for (auto& [k, v] : hints_)
      if (out.empty() || out.back() != k.first) out.push_back(k.first);
    return out;
  }

 private:
  std::map<std::pair<NodeId, std::string>, DotList> hints_;
};
}  // namespace cartwheel::cluster
