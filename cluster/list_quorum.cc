#include "cluster/list_quorum.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "cluster/store_key.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

using Kind = ReadOutcome::Kind;

// A key as one member lists it.
struct Listed {
  ScanPlace place;
  std::string_view key;
  NodeId by;
};

Partition PartitionAt(ScanPlace place) {
  return PartitionOf(SlotAt(place));
}

}  // namespace

size_t ShareOfPage(const Ring& ring, size_t count) {
  const size_t members = ring.members().size();
  return std::max<size_t>(1, (count * ring.copies() + members - 1) / members);
}

ListQuorum::ListQuorum(const Ring& ring, std::span<const NodeId> asked, const Levels& levels,
                       ScanPlace from, ScanPlace until, const ReadQuorum::Options& options,
                       int64_t now_us)
    : ring_(ring),
      asked_for_(levels),
      levels_(levels.Over(ring.copies())),
      from_(from),
      deadline_us_(now_us + options.rpc_timeout_us),
      next_(until) {
  storage::Check(from < until && until <= kEndPlace, "a listing has a range");
  for (const NodeId node : asked) asked_.push_back({.node = node});
  Advance();
}

void ListQuorum::Restart(std::span<const NodeId> asked) {
  storage::Check(!IsOver(), "what is decided does not begin again");
  levels_ = asked_for_.Over(ring_.copies());
  asked_.clear();
  for (const NodeId node : asked) asked_.push_back({.node = node});
}

void ListQuorum::Answered(NodeId node, Answer answer, int64_t) {
  const auto asked = std::ranges::find(asked_, node, &Asked::node);
  if (IsOver() || asked == asked_.end() || !asked->waiting) return;
  asked->waiting = false;
  asked->answer = std::move(answer);
  Advance();
}

void ListQuorum::Lost(NodeId node, int64_t) {
  const auto asked = std::ranges::find(asked_, node, &Asked::node);
  if (IsOver() || asked == asked_.end()) return;
  asked->waiting = false;
  Advance();
}

void ListQuorum::OnTime(int64_t now_us) {
  if (IsOver() || now_us < deadline_us_) return;
  for (Asked& asked : asked_) asked.waiting = false;
  Advance();
}

std::optional<int64_t> ListQuorum::NextDeadline() const {
  return IsOver() ? std::nullopt : std::optional(deadline_us_);
}

void ListQuorum::Advance() {
  if (std::ranges::any_of(asked_, &Asked::waiting)) return;
  if (const auto too_few = TooFew()) {
    outcome_ = too_few;
    return;
  }
  Unite();
  database_keys_ = EstimateKeys();
  outcome_ = ReadOutcome{.degraded = std::ranges::any_of(asked_, [](const Asked& asked) {
                           return asked.answer && !asked.answer->complete;
                         })};
}

// R of the members, as any of them may stand in; PR owners of every partition in the range.
std::optional<ReadOutcome> ListQuorum::TooFew() const {
  const auto has_answered = [this](NodeId node) {
    const auto asked = std::ranges::find(asked_, node, &Asked::node);
    return asked != asked_.end() && asked->answer.has_value();
  };
  const auto answered = static_cast<int>(
      std::ranges::count_if(asked_, [](const Asked& asked) { return asked.answer.has_value(); }));
  if (answered < levels_.r) return ReadOutcome{Kind::kTooFew, Level::kR, answered, levels_.r};
  if (levels_.pr == 0) return std::nullopt;
  for (Partition at = PartitionAt(from_); at <= PartitionAt(next_ - 1); ++at) {
    const auto owners = static_cast<int>(std::ranges::count_if(ring_.OwnersOf(at), has_answered));
    if (owners < levels_.pr) return ReadOutcome{Kind::kTooFew, Level::kPR, owners, levels_.pr};
  }
  return std::nullopt;
}

// What each lists ends somewhere else: the whole is as long as the shortest.
void ListQuorum::Unite() {
  std::vector<Listed> all;
  for (const Asked& asked : asked_) {
    if (!asked.answer) continue;
    next_ = std::min(next_, asked.answer->page.next);
    for (const std::string& key : asked.answer->page.keys) {
      all.push_back({PlaceOfKey(key), key, asked.node});
    }
  }
  std::erase_if(
      all, [this](const Listed& listed) { return listed.place < from_ || listed.place >= next_; });
  std::ranges::sort(all, [](const Listed& a, const Listed& b) {
    return std::tie(a.place, a.key, a.by) < std::tie(b.place, b.key, b.by);
  });
  std::vector<NodeId> by;
  for (auto at = all.begin(); at != all.end();) {
    by.clear();
    const auto same = at;
    for (; at != all.end() && at->key == same->key; ++at) by.push_back(at->by);
    keys_.push_back({std::string(same->key), AllOwnersList(PartitionAt(same->place), by)});
  }
}

bool ListQuorum::AllOwnersList(Partition partition, std::span<const NodeId> listed_by) const {
  int complete = 0;
  for (const NodeId owner : ring_.OwnersOf(partition)) {
    const auto asked = std::ranges::find(asked_, owner, &Asked::node);
    if (asked == asked_.end() || !asked->answer || !asked->answer->complete) continue;
    if (std::ranges::find(listed_by, owner) == listed_by.end()) return false;
    ++complete;
  }
  return complete >= levels_.r;
}

uint64_t ListQuorum::EstimateKeys() const {
  uint64_t keys = 0;
  uint64_t partitions = 0;
  for (const bool complete : {true, false}) {
    for (const Asked& asked : asked_) {
      if (!asked.answer || asked.answer->complete != complete) continue;
      keys += asked.answer->database_keys;
      for (Partition i = 0; i < kPartitions; ++i) partitions += ring_.Owns(asked.node, i) ? 1 : 0;
    }
    if (partitions > 0) break;  // those that rebuild know less than they should
  }
  return partitions == 0 ? 0 : (keys * kPartitions + partitions / 2) / partitions;
}

}  // namespace cartwheel::cluster
