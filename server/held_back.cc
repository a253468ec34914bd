// Sessions that have to wait before their next request runs: paused (CLIENT PAUSE), stalled (DEBUG
// SLEEP), waiting for a reply (WAIT), writing faster than the disk takes it, or owed more than they
// read. They go on in the order in which they were held back.
#include <algorithm>
#include <utility>
#include <vector>

#include "server/handlers.h"
#include "server/log.h"
#include "server/process.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

// A session is owed at most about this much before it has to read: enough for any sane pipeline,
// little enough that clients which never read cannot fill the memory. Once all sessions together
// are owed a lot, each gets less.
constexpr size_t kMaxOwed = 64UL << 20;
constexpr size_t kMaxOwedInTotal = 512UL << 20;
constexpr size_t kMaxOwedWhenTight = 1UL << 20;
// Input gathered behind a request that waits; the rest stays in the socket.
constexpr size_t kMaxInputHeldBack = 1UL << 20;
// Input buffers keep their memory for the next request up to this size.
constexpr size_t kKeptInputBytes = 256UL << 10;
// Of the engine. Clients that wait for it to take in a finished flush should not wait for long.
constexpr int64_t kTickUs = 100'000;
constexpr int64_t kTickUsWhileWritesWait = 10'000;

}  // namespace

void Server::Tick(Now now) {
  if (now.monotonic_us >= next_engine_tick_us_) TickEngine(now);
  if (stalled_until_us_ != 0 && now.monotonic_us >= stalled_until_us_) {
    stalled_until_us_ = 0;
    next_wake_us_ = now.monotonic_us;
  }
  if (pause_mode_ != PauseMode::kNone && now.monotonic_us >= pause_until_us_) Unpause(now);
  if (peers_awaited_until_us_ != 0 && now.monotonic_us >= peers_awaited_until_us_) {
    EndAwaitingPeers(now);
  }
  if (stalled_until_us_ == 0 && now.monotonic_us >= next_wake_us_) WakeSessions(now);
  if (now.monotonic_us >= next_reclaim_us_) ReclaimExpired(now);
  if (now.monotonic_us >= next_inspection_us_) InspectSessions(now);
  if (gateway_ != nullptr && now.monotonic_us >= gateway_->NextDeadline()) {
    gateway_->OnTime(now);
    TakeLateReplies(now);
  }
  if (forming_ != nullptr && now.monotonic_us >= forming_->NextDeadline()) forming_->OnTime(now);
}

int64_t Server::NextDeadline() const {
  int64_t deadline = std::min({next_reclaim_us_, next_inspection_us_, next_engine_tick_us_});
  if (gateway_ != nullptr) deadline = std::min(deadline, gateway_->NextDeadline());
  if (forming_ != nullptr) deadline = std::min(deadline, forming_->NextDeadline());
  if (stalled_until_us_ != 0) return std::min(deadline, stalled_until_us_);
  if (pause_mode_ != PauseMode::kNone) deadline = std::min(deadline, pause_until_us_);
  if (peers_awaited_until_us_ != 0) deadline = std::min(deadline, peers_awaited_until_us_);
  return std::min(deadline, next_wake_us_);
}

// Before anything else of a turn: the engine may give back memory that reads of the turn look at.
void Server::TickEngine(Now now) {
  storage::Engine& engine = store_.engine();
  engine.Tick(now.unix_ms(), now.monotonic_us / 1000);
  WatchWritesWait(now);
  next_engine_tick_us_ =
      now.monotonic_us + (engine.WritesMustWait() ? kTickUsWhileWritesWait : kTickUs);
  for (const auto& line :
       persistence_watch_.Observe(engine.persistence(), engine.WritesMustWait(), now)) {
    line.warning ? LogWarning(line.text) : LogNotice(line.text);
  }
  if (freed_memory_.Observe(engine.usage().bytes_in_memory, now.monotonic_us)) ReturnFreedMemory();
  TendStorage(now);
}

// Whoever was held back because writes had to wait goes on when they need not any more.
void Server::WatchWritesWait(Now now) {
  const bool wait = store_.engine().WritesMustWait();
  if (writes_waited_ && !wait) next_wake_us_ = std::min(next_wake_us_, now.monotonic_us);
  if (wait && !writes_waited_) {
    next_engine_tick_us_ =
        std::min(next_engine_tick_us_, now.monotonic_us + kTickUsWhileWritesWait);
  }
  writes_waited_ = wait;
}

// Gives back their turn to sessions that were held back. Those that something still holds are held
// back again, behind nobody that they were ahead of.
void Server::WakeSessions(Now now) {
  next_wake_us_ = INT64_MAX;
  for (const auto& [ticket, session] : std::map(held_back_)) {
    if (session->waiting() && now.monotonic_us < session->waiting_until_us) {
      next_wake_us_ = std::min(next_wake_us_, session->waiting_until_us);
      continue;
    }
    session->output += session->waiting_reply;
    session->last_active_us = now.monotonic_us;  // it was not its client that was idle
    Release(*session);
    if (!session->exec_rest.empty()) {
      const size_t begin = session->output.size();
      RunRestOfExec(*session, now);
      NoteDataReply(*session, begin);
    }
    if (!session->waiting()) ResumeInput(*session, now);
  }
}

// Notes that the session's next request waits; WakeSessions looks at it again.
void Server::Hold(Session& session) {
  if (session.hold_ticket == 0) {
    session.hold_ticket = next_hold_ticket_++;
    held_back_.emplace(session.hold_ticket, &session);
  }
  if (session.waiting()) next_wake_us_ = std::min(next_wake_us_, session.waiting_until_us);
}

void Server::Release(Session& session) {
  held_back_.erase(session.hold_ticket);
  session.hold_ticket = 0;
  session.postponed = false;
  session.waiting_until_us = 0;
  session.waiting_reply.clear();
  session.after_save = Session::AfterSave::kNothing;
}

void Server::ResumeInput(Session& session, Now now) {
  if (session.closing()) return;
  Touch(session);  // even when no request was complete: the shell reads on
  session.input.erase(0, RunRequests(session, session.input, now));
  if (session.input.empty() && session.input.capacity() > kKeptInputBytes) {
    session.input.shrink_to_fit();
  }
  if (session.input_ended && !session.held_back() && session.late.empty()) {
    Close(session, "", true);
  }
}

bool Server::MustPostpone(const Session& session, const Command& command) const {
  if (stalled_until_us_ != 0) return true;
  const auto changes = [&](uint32_t flags) {
    return (command.flags & flags) != 0 || (command.handler == Exec && session.HasQueued(flags));
  };
  if (store_.engine().WritesMustWait() && changes(kWrite)) return true;
  if (peers_awaited_until_us_ != 0 && changes(kWrite | kReadOnly)) return true;
  if (session.monitoring) return false;  // Redis takes a monitor for a replica here
  switch (pause_mode_) {
    case PauseMode::kNone: return false;
    case PauseMode::kAll: return true;
    case PauseMode::kWrite: break;
  }
  return changes(kWrite | kMayReplicate);
}

// Whoever has just started, or has just been let in, reaches nobody for some milliseconds. To a
// client that came back to it as soon as it could, a refusal for that would be the only error that
// it sees of a restart. Those who are away do not hold it up for longer than this.
void Server::AwaitPeers(Now now) {
  constexpr int64_t kAwaitedUs = 1'000'000;
  if (!AllAreLinked()) peers_awaited_until_us_ = now.monotonic_us + kAwaitedUs;
}

void Server::EndAwaitingPeers(Now now) {
  peers_awaited_until_us_ = 0;
  next_wake_us_ = std::min(next_wake_us_, now.monotonic_us);
}

bool Server::AllAreLinked() const {
  return std::ranges::all_of(gateway_->node().ring().members(), [this](const auto& member) {
    return member.node == gateway_->options().self || links_.contains(member.node);
  });
}

bool Server::OwesTooMuch(const Session& session) const {
  const size_t limit = total_unsent_ > kMaxOwedInTotal ? kMaxOwedWhenTight : kMaxOwed;
  return session.unsent_bytes() > limit;
}

bool Server::WantsInput(const Session& session) const {
  if (session.closing() || OwesTooMuch(session)) return false;
  return !session.held_back() || session.input.size() < kMaxInputHeldBack;
}

void Server::Sent(Session& session, size_t bytes, Now now) {
  statistics_.total_net_output_bytes += bytes;
  ++statistics_.total_writes_processed;
  session.last_active_us = now.monotonic_us;
  const bool held_by_owing = session.held_back() && !session.postponed && !session.waiting();
  if (held_by_owing && !OwesTooMuch(session)) next_wake_us_ = now.monotonic_us;
}

void Server::Pause(PauseMode mode, int64_t until_us) {
  pause_mode_ = std::max(pause_mode_, mode);
  pause_until_us_ = std::max(pause_until_us_, until_us);
}

void Server::Unpause(Now now) {
  pause_mode_ = PauseMode::kNone;
  pause_until_us_ = 0;
  next_wake_us_ = std::min(next_wake_us_, now.monotonic_us);
}

void Server::Stall(int64_t until_us) {
  stalled_until_us_ = std::max(stalled_until_us_, until_us);
}

void Server::ReplyLater(Session& session, int64_t until_us, std::string reply) {
  session.waiting_until_us = until_us;
  session.waiting_reply = std::move(reply);
  Hold(session);
}

}  // namespace cartwheel::server
