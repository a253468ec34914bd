#include "server/conflict_log.h"

#include <algorithm>
#include <iterator>

namespace cartwheel::server {
namespace {

constexpr size_t kMaxKeyBytes = 128;
// Among how many of the newest entries a value is looked for: a read of a key with siblings must
// not get slower with the length of the log.
constexpr size_t kSearched = 128;

std::string Shorten(std::string_view key) {
  std::string shown(key.substr(0, kMaxKeyBytes));
  if (key.size() > kMaxKeyBytes) {
    shown += "... (" + std::to_string(key.size() - kMaxKeyBytes) + " more bytes)";
  }
  return shown;
}

}  // namespace

bool Supersedes(const cluster::Change& change) {
  return change.kind() == cluster::Change::Kind::kPut ||
         change.kind() == cluster::Change::Kind::kDelete;
}

std::string_view NameOf(ConflictKind kind) {
  return kind == ConflictKind::kHidden ? "hidden" : "superseded";
}

// A dot names a value of one key.
ConflictLog::Entry* ConflictLog::Find(ConflictKind kind, const cluster::SiblingHead& value) {
  const auto end =
      entries_.begin() + static_cast<std::ptrdiff_t>(std::min(kSearched, entries_.size()));
  const auto found = std::find_if(entries_.begin(), end, [&](const Entry& entry) {
    return entry.kind == kind && entry.value.value_dot == value.value_dot;
  });
  return found == end ? nullptr : &*found;
}

size_t ConflictLog::Note(ConflictKind kind, const cluster::KeyRef& ref,
                         std::span<const cluster::SiblingHead> siblings, int64_t now_ms,
                         uint64_t max_entries) {
  size_t added = 0;
  for (size_t i = 1; i < siblings.size(); ++i) {
    Entry* known = Find(kind, siblings[i]);
    if (known == nullptr) {
      known = &entries_.emplace_front(Entry{.id = next_id_++,
                                            .kind = kind,
                                            .database = ref.database,
                                            .key = Shorten(ref.key),
                                            .value = siblings[i],
                                            .first_unix_ms = now_ms});
      ++added;
    }
    known->shown = siblings[0].value_dot;
    known->last_unix_ms = now_ms;
    ++known->times;
  }
  while (entries_.size() > max_entries) entries_.pop_back();
  return added;
}

}  // namespace cartwheel::server
