// The last values that a plain command hid or superseded although they were concurrent with the one
// that it showed or wrote, newest first: where an application loses sight of a sibling, and should
// use DYN.GET and DYN.SET.
//
// What happens to a value again, as a hidden one is hidden by every GET, counts on its entry.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "cluster/siblings.h"

namespace cartwheel::server {

enum class ConflictKind : uint8_t {
  kHidden,      // a read showed another sibling
  kSuperseded,  // a write whose client had not asked for it replaced it
};
std::string_view NameOf(ConflictKind kind);

// Whether the change takes the place of every value that is there.
bool Supersedes(const cluster::Change& change);

class ConflictLog {
 public:
  struct Entry {
    uint64_t id = 0;
    ConflictKind kind = ConflictKind::kHidden;
    cluster::Database database = 0;
    std::string key;             // cut like the arguments in SLOWLOG
    cluster::SiblingHead value;  // the one that was hidden or superseded
    cluster::Dot shown = {};     // of the sibling that is shown
    int64_t first_unix_ms = 0;
    int64_t last_unix_ms = 0;
    uint64_t times = 0;
  };

  // All of `siblings` but the first, which is the one that is shown. Returns how many new entries
  // that makes. Keeps `max_entries`.
  size_t Note(ConflictKind kind, const cluster::KeyRef& ref,
              std::span<const cluster::SiblingHead> siblings, int64_t now_ms, uint64_t max_entries);
  void Clear() { entries_.clear(); }
  const std::deque<Entry>& entries() const { return entries_; }

 private:
  Entry* Find(ConflictKind kind, const cluster::SiblingHead& value);

  uint64_t next_id_ = 0;
  std::deque<Entry> entries_;
};

}  // namespace cartwheel::server
