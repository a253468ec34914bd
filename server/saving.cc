// SAVE, BGSAVE, SHUTDOWN SAVE: bringing the log's changes to the data file when somebody asks.
#include <algorithm>
#include <map>
#include <utility>

#include "server/log.h"
#include "server/server.h"

namespace cartwheel::server {

int64_t Server::last_save_unix_ms() const {
  return std::max(saved_unix_ms_, store_.engine().persistence().last_flush_unix_ms);
}

// With nothing to do a save is done at once: scripts wait until LASTSAVE moves.
void Server::StartSave(Now now) {
  const storage::Persistence state = store_.engine().persistence();
  const bool anything =
      state.dirty_keys > 0 || state.changes_since_flush > 0 || executor_.uncommitted();
  if (options_.config.memory_only() || !anything) {
    saved_unix_ms_ = now.unix_ms();
  } else {
    store_.engine().StartFlush();
  }
}

// At the end, since only what is committed can be flushed and this turn may hold writes.
void Server::SaveAfterTurn(Session& session, Session::AfterSave then) {
  session.after_save = then;
  saves_wait_ = true;
  ReplyLater(session, INT64_MAX, "+OK\r\n");
}

void Server::FinishSaves(const storage::Result<void>& committed, Now now) {
  if (!std::exchange(saves_wait_, false)) return;
  const storage::Result<void> saved = committed ? store_.engine().Flush() : committed;
  if (saved) {
    saved_unix_ms_ = now.unix_ms();
  } else {
    LogWarning("SAVE failed: " + saved.error().message);
  }
  for (const auto& [ticket, session] : std::map(held_back_)) {
    if (session->after_save != Session::AfterSave::kNothing) FinishSave(*session, saved, now);
  }
}

void Server::FinishSave(Session& session, const storage::Result<void>& saved, Now now) {
  using AfterSave = Session::AfterSave;
  const AfterSave then = std::exchange(session.after_save, AfterSave::kNothing);
  std::string reply = std::exchange(session.waiting_reply, {});
  if (then == AfterSave::kShutDownAnyway || (then == AfterSave::kShutDown && saved)) {
    RequestShutdown("SHUTDOWN from " + session.peer.address);
    return;
  }
  if (!saved) {
    const std::string error =
        then == AfterSave::kShutDown
            ? "ERR Errors trying to SHUTDOWN. Check logs."
            : "MISCONF the data directory failed and nothing was saved: " + saved.error().message;
    statistics_.CountError(error);
    // Empty when the client wants no replies.
    if (!std::exchange(reply, {}).empty()) {
      resp::ReplyWriter(reply, session.protocol).Error(error);
    }
  }
  session.output += reply;
  Touch(session);
  if (!session.input.empty()) {
    // What came behind it belongs to the next turn.
    session.waiting_until_us = now.monotonic_us;
    next_wake_us_ = now.monotonic_us;
    return;
  }
  Release(session);
  if (session.input_ended) Close(session, "", true);
}

}  // namespace cartwheel::server
