#include "cluster/read_quorum.h"

#include <algorithm>
#include <utility>

#include "storage/check.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

using Kind = ReadOutcome::Kind;

bool SameKnowledge(const Container& a, const Container& b) {
  return a.versions == b.versions && a.counter == b.counter && a.context == b.context;
}

}  // namespace

DotList DotsShownBy(const Container& container) {
  DotList dots = SessionDots(container.context);
  for (const Version& version : container.versions) {
    if (std::ranges::find(dots, version.dot) == dots.end()) dots.push_back(version.dot);
  }
  return dots;
}

DotList SessionDots(const Context& session) {
  DotList dots;
  for (const Context::Interval& interval : session.intervals()) {
    dots.push_back({interval.actor, interval.last});
  }
  return dots;
}

ReadQuorum::ReadQuorum(std::span<const Candidate> best_first, const Levels& levels,
                       const Context& session, const Options& options, int64_t now_us)
    : asked_for_(levels),
      options_(options),
      hedge_at_us_(now_us + options.hedge_after_us),
      deadline_us_(now_us + options.deadline_us),
      session_dots_(SessionDots(session)) {
  storage::Check(Validate(levels).has_value(), "levels are valid");
  TakeCandidates(best_first);
  Advance(now_us);
}

void ReadQuorum::TakeCandidates(std::span<const Candidate> best_first) {
  candidates_.assign(best_first.begin(), best_first.end());
  const auto owners = std::ranges::count_if(best_first, &Candidate::owner);
  storage::Check(owners > 0, "a partition has owners");
  levels_ = asked_for_.Over(static_cast<size_t>(owners));
  unconfirmed_ = session_dots_;
}

void ReadQuorum::Restart(std::span<const Candidate> best_first, int64_t now_us) {
  storage::Check(!outcome_, "what is decided does not begin again");
  asked_.clear();
  outputs_.clear();
  merged_ = OwnedContainer();
  merge_ = 1;
  merged_rebuilding_ = false;
  rebuilding_.reset();
  hedged_ = false;
  hedge_at_us_ = now_us + options_.hedge_after_us;
  TakeCandidates(best_first);
  Advance(now_us);
}

void ReadQuorum::Ask(size_t candidate, int64_t now_us) {
  const auto at = candidates_.begin() + static_cast<ptrdiff_t>(candidate);
  asked_.push_back({.node = at->node,
                    .owner = at->owner,
                    .healthy = at->healthy,
                    .silent_at_us = now_us + options_.rpc_timeout_us});
  outputs_.emplace_back(Send{at->node});
  candidates_.erase(at);
}

bool ReadQuorum::AskNext(bool owners_only, int64_t now_us) {
  if (asks_no_more_) return false;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    if (owners_only && !candidates_[i].owner) continue;
    Ask(i, now_us);
    return true;
  }
  return false;
}

void ReadQuorum::Answered(NodeId node, const Answer& answer, int64_t now_us) {
  const auto asked = std::ranges::find(asked_, node, &Asked::node);
  if (over_ || asked == asked_.end() || asked->state == Asked::State::kAnswered) return;
  asked->state = Asked::State::kAnswered;
  asked->complete = answer.complete;
  asked->actor = answer.actor;
  if (!asked->complete && rebuilding_ == nullptr) rebuilding_ = std::make_unique<Rebuilding>();
  if (asked->owner) {
    // What it has received counts with what it has made of that, never without.
    if (asked->complete || merged_rebuilding_) {
      Confirm(answer.received);
    } else {
      rebuilding_->received.insert(rebuilding_->received.end(), answer.received.begin(),
                                   answer.received.end());
    }
  }
  if (answer.same_as != kNoNode) {
    const Asked* const same = Find(answer.same_as);
    storage::Check(asked->complete && same != nullptr && same->Counts(),
                   "who is the same as another is complete, as that one is");
    asked->has_record = same->has_record;
    asked->merge = same->merge;
  } else {
    const Container none;
    asked->has_record = answer.container != nullptr;
    Take(*asked, answer.container == nullptr ? none : *answer.container);
  }
  Advance(now_us);
}

void ReadQuorum::Take(Asked& asked, const Container& container) {
  if (!asked.complete) rebuilding_->each.emplace_back(asked.node, OwnedContainer(container));
  if (asked.complete || merged_rebuilding_) {
    asked.merge = Merge(container);
  } else {
    rebuilding_->all = OwnedContainer(Sync(rebuilding_->all.get(), container));
  }
}

const ReadQuorum::Asked* ReadQuorum::Find(NodeId node) const {
  const auto asked = std::ranges::find(asked_, node, &Asked::node);
  return asked == asked_.end() ? nullptr : &*asked;
}

bool ReadQuorum::Knows(NodeId node) const {
  const Asked* const asked = Find(node);
  return asked != nullptr && asked->Counts() && asked->merge == merge_;
}

// Containers only grow as they merge: who was equal to the merge before and is not any more, or
// never was, will not be again, so a number tells who lacks something in the end.
uint64_t ReadQuorum::Merge(const Container& container) {
  // Replicas mostly agree.
  if (SameKnowledge(merged_.get(), container)) return merge_;
  const bool is_first = merged_.get().context.empty() && merged_.get().versions.empty();
  Container both = is_first ? container : Sync(merged_.get(), container);
  both.own_contiguous = false;  // the merge is no replica's record
  const bool is_all = SameKnowledge(both, container);
  if (!SameKnowledge(both, merged_.get())) {
    merged_ = OwnedContainer(std::move(both));
    ++merge_;
  }
  return is_all ? merge_ : kLacking;
}

void ReadQuorum::Confirm(std::span<const Dot> received) {
  for (const Dot dot : received) {
    const auto found = std::ranges::find(unconfirmed_, dot);
    if (found != unconfirmed_.end()) unconfirmed_.erase(found);
  }
}

void ReadQuorum::MergeRebuilding() {
  merged_rebuilding_ = true;
  if (rebuilding_ == nullptr) return;
  Confirm(rebuilding_->received);
  Merge(rebuilding_->all.get());
}

// Whether the session's writes would be known if what rebuilds were merged.
bool ReadQuorum::RebuildingKnowSession() const {
  if (rebuilding_ == nullptr) return false;
  const Container both = Sync(merged_.get(), rebuilding_->all.get());
  return std::ranges::all_of(unconfirmed_, [&](Dot dot) {
    return both.context.Covers(dot) ||
           std::ranges::find(rebuilding_->received, dot) != rebuilding_->received.end();
  });
}

void ReadQuorum::Lost(NodeId node, int64_t now_us) {
  const auto asked = std::ranges::find(asked_, node, &Asked::node);
  if (asked == asked_.end() || asked->state == Asked::State::kAnswered) return;
  asked->state = Asked::State::kFailed;
  Advance(now_us);
}

void ReadQuorum::OnTime(int64_t now_us) {
  const bool deadline = now_us >= deadline_us_;
  for (Asked& asked : asked_) {
    if (asked.state != Asked::State::kWaiting) continue;
    if (deadline || now_us >= asked.silent_at_us) asked.state = Asked::State::kSilent;
  }
  if (!outcome_ && !hedged_ && now_us >= hedge_at_us_) {
    hedged_ = true;
    AskNext(false, now_us);
  }
  if (deadline) asks_no_more_ = true;
  Advance(now_us);
  if (deadline && !outcome_) AdvanceAtEnd(true);
  if (deadline && !over_) Finish();
}

std::optional<int64_t> ReadQuorum::NextDeadline() const {
  if (over_) return std::nullopt;
  int64_t next = deadline_us_;
  if (!outcome_ && !hedged_ && !candidates_.empty()) next = std::min(next, hedge_at_us_);
  for (const Asked& asked : asked_) {
    if (asked.state == Asked::State::kWaiting) next = std::min(next, asked.silent_at_us);
  }
  return next;
}

bool ReadQuorum::IsWaiting() const {
  return std::ranges::any_of(
      asked_, [](const Asked& asked) { return asked.state == Asked::State::kWaiting; });
}

ReadQuorum::Standing ReadQuorum::Count(bool (Asked::*counts)() const) const {
  int owners = 0;
  int fallbacks = 0;
  for (const Asked& asked : asked_) {
    if ((asked.*counts)()) ++(asked.owner ? owners : fallbacks);
  }
  if (fallbacks > 0) fallbacks = std::min(fallbacks, OwnersOutOfReach());
  return {.replicas = owners + fallbacks, .owners = owners};
}

int ReadQuorum::OwnersOutOfReach() const {
  const auto asked = std::ranges::count_if(
      asked_, [](const Asked& each) { return each.owner && each.OutOfReach(); });
  const auto not_asked = std::ranges::count_if(
      candidates_, [](const Candidate& each) { return each.owner && !each.healthy; });
  return static_cast<int>(asked + not_asked);
}

// Whether one more of them could not count.
bool ReadQuorum::FallbacksSuffice() const {
  const auto fallbacks = std::ranges::count_if(
      asked_, [](const Asked& each) { return !each.owner && each.MayCount(); });
  return fallbacks >= OwnersOutOfReach();
}

std::optional<ReadOutcome> ReadQuorum::ShortOf(const Standing& standing) const {
  if (IsPlanted(Mutation::kCountsOneAsAll) && standing.replicas > 0) return std::nullopt;
  if (standing.replicas < levels_.r) {
    return ReadOutcome{Kind::kTooFew, Level::kR, standing.replicas, levels_.r};
  }
  if (standing.owners < levels_.pr) {
    return ReadOutcome{Kind::kTooFew, Level::kPR, standing.owners, levels_.pr};
  }
  return std::nullopt;
}

bool ReadQuorum::TooFewOwners() const {
  if (merged_rebuilding_ || Count(&Asked::Counts).owners >= levels_.r) return false;
  return std::ranges::any_of(
      asked_, [](const Asked& asked) { return asked.Answered() && !asked.complete; });
}

bool ReadQuorum::SessionKnown(const Container& merged) const {
  return std::ranges::all_of(unconfirmed_,
                             [&merged](Dot dot) { return merged.context.Covers(dot); });
}

void ReadQuorum::AskMore(int64_t now_us) {
  while (const auto shortfall = ShortOf(Count(&Asked::MayCount))) {
    if (!AskNext(shortfall->level == Level::kPR || FallbacksSuffice(), now_us)) break;
  }
  // Enough have answered, if need be with those that rebuild, and the session has seen more than
  // they: everybody, then.
  const bool enough =
      !ShortOf(Count(&Asked::Counts)) || (!IsWaiting() && !ShortOf(Count(&Asked::Answered)));
  if (!enough || SessionKnown(merged())) return;
  while (AskNext(false, now_us)) {
  }
}

// Everything that follows from what is known.
void ReadQuorum::Advance(int64_t now_us) {
  if (!outcome_) {
    const bool enough = !ShortOf(Count(&Asked::Counts));
    if (enough && TooFewOwners()) MergeRebuilding();
    if (enough && SessionKnown(merged())) {
      Decide({.degraded = merged_rebuilding_});
    } else {
      AskMore(now_us);
      if (!IsWaiting()) AdvanceAtEnd(false);
    }
  }
  if (outcome_ && !over_ && !IsWaiting()) Finish();
}

// Nobody is left to wait for but the silent, and for those only while there is no answer to give.
void ReadQuorum::AdvanceAtEnd(bool deadline) {
  const auto short_of_complete = ShortOf(Count(&Asked::Counts));
  const auto short_of_any = ShortOf(Count(&Asked::Answered));
  if (short_of_any) {
    const bool may_come = std::ranges::any_of(
        asked_, [](const Asked& asked) { return asked.state == Asked::State::kSilent; });
    if (deadline || !may_come) Decide(*short_of_any);
    return;
  }
  ReadOutcome outcome{.degraded = merged_rebuilding_};
  if (short_of_complete || !SessionKnown(merged())) {
    const bool rebuilding_helps =
        !merged_rebuilding_ && (short_of_complete || RebuildingKnowSession());
    if (rebuilding_helps) {
      MergeRebuilding();
      outcome.degraded = true;
    }
    outcome.session_missed = !SessionKnown(merged());
  }
  Decide(outcome);
}

void ReadQuorum::Decide(const ReadOutcome& outcome) {
  outcome_ = outcome;
  outputs_.emplace_back(outcome);
}

// Who answered less than the whole? What one that rebuilds knows besides need not be in it.
bool ReadQuorum::Lacks(const Asked& asked) const {
  if (asked.complete) return asked.merge != merge_;
  const auto found =
      std::ranges::find(rebuilding_->each, asked.node, &std::pair<NodeId, OwnedContainer>::first);
  const Container& theirs = found->second.get();
  return !SameKnowledge(Sync(theirs, merged_.get()), theirs);
}

void ReadQuorum::Finish() {
  over_ = true;
  candidates_.clear();
  for (const Asked& asked : asked_) {
    if (!asked.Answered() || !asked.owner || !Lacks(asked)) continue;
    // One that has forgotten the key's deletion need not be told of it again.
    if (!asked.has_record && merged().IsDeleted()) continue;
    outputs_.emplace_back(Repair{asked.node, asked.actor});
  }
}

ReadQuorum::Outputs ReadQuorum::TakeOutputs() {
  return std::exchange(outputs_, {});
}

}  // namespace cartwheel::cluster
