#include "server/server.h"

#include <algorithm>
#include <utility>

#include "server/config_text.h"
#include "server/errors.h"
#include "server/log.h"
#include "storage/mutation.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kInspectionPeriodUs = 100'000;
// At most 1,000 expired keys a turn and 100 turns a second are reclaimed: a few percent of one
// core.
constexpr size_t kReclaimBatch = 1000;
constexpr int64_t kReclaimPauseUs = 10'000;
constexpr int64_t kCommitWarningPeriodUs = 1'000'000;
constexpr int64_t kSiblingsWarningPeriodUs = 1'000'000;
constexpr size_t kKeyBytesInLog = 128;
// A few milliseconds' worth of keys deleted to make room.
constexpr size_t kEvictionsPerTurn = 2000;

constexpr std::string_view kProtectedMode =
    "DENIED Cartwheel is running in protected mode: no password is set, so it accepts connections "
    "from "
    "this machine only. Either set one ('requirepass' in the configuration, or CONFIG SET "
    "requirepass "
    "from a connection on this machine), or, on a network you trust, turn the protection off with "
    "'protected-mode no'.";

}  // namespace

Server::Server(ServerOptions options, cluster::LocalStore store, Now now)
    : options_(std::move(options)),
      store_(std::move(store)),
      executor_(store_, watches_, statistics_, conflicts_, options_.config),
      started_at_(now),
      last_commit_at_(now),
      random_state_(options_.seed),
      saved_unix_ms_(now.unix_ms()) {
  statistics_.commands.resize(CommandTable().size());
  TakeEvictionOptions();
  if (!options_.cluster) return;
  gateway_ = std::make_unique<Gateway>(store_, watches_, statistics_, conflicts_, options_.config,
                                       *options_.cluster, options_.identity.token_key());
  TakeEvictionOptions();
  AwaitPeers(now);
  if (!options_.forming) return;
  forming_ = std::make_unique<Forming>(*options_.forming, NextRandom(), store_, *gateway_);
}

Session& Server::Connect(Peer peer, Now now) {
  const SessionId id = next_client_id_++;
  Session& session = *(sessions_[id] = std::make_unique<Session>(id, std::move(peer), now));
  session.authenticated = options_.config.requirepass.empty();
  session.levels = default_levels();
  std::string_view refusal;
  if (sessions_.size() > static_cast<size_t>(options_.config.maxclients)) {
    refusal = "ERR max number of clients reached";
  } else if (options_.config.protected_mode && session.authenticated && !session.peer.loopback &&
             !session.peer.unix_socket) {
    refusal = kProtectedMode;
  }
  if (refusal.empty()) {
    ++statistics_.total_connections_received;
  } else {
    ++statistics_.rejected_connections;
    session.writer().Error(refusal);
    Close(session, refusal, true);
  }
  return session;
}

void Server::Receive(Session& session, std::string_view bytes, Now now) {
  session.last_active_us = now.monotonic_us;
  statistics_.total_net_input_bytes += bytes.size();
  ++statistics_.total_reads_processed;
  if (session.closing()) return;
  if (session.input.empty() && !session.held_back()) {
    session.input.append(bytes.substr(RunRequests(session, bytes, now)));
  } else {
    session.input.append(bytes);
    if (!session.held_back()) ResumeInput(session, now);
  }
  TakeLateReplies(now);
  // What a transaction has queued is input too: a client could otherwise pile it up without end.
  const size_t gathered = session.input.size() + session.queued_bytes;
  if (gathered > options_.config.client_query_buffer_limit) {
    ++statistics_.client_query_buffer_limit_disconnections;
    Close(session, "its request is larger than client-query-buffer-limit", false);
  }
  Touch(session);
}

void Server::EndOfInput(Session& session, Now now) {
  session.input_ended = true;
  // Who only waits because the disk is slow has said all it wanted, and gets its answers.
  const bool throttled = session.postponed && store_.engine().WritesMustWait();
  if (session.waits_for_late) {
    // Others answer in their time; this one may wait for ever, and nobody could end it.
    EndWaitForCopies(session, "");
    return;
  }
  const bool saving = session.after_save != Session::AfterSave::kNothing;
  if ((session.waiting() && !saving) || (session.postponed && !throttled)) {
    Close(session, "disconnected while its request waited", true);
  } else if (!session.held_back()) {
    ResumeInput(session, now);
  }
}

void Server::Disconnect(Session& session) {
  if (!session.close_reason.empty()) {
    LogVerbose("client " + session.peer.address + " closed: " + session.close_reason);
  }
  Detach(session);
  if (gateway_ != nullptr) gateway_->Forget(session.seen);
  std::erase(touched_, &session);
  sessions_.erase(session.id);
}

void Server::RequestShutdown(std::string_view why) {
  LogNotice("shutting down: " + std::string(why));
  shutdown_requested_ = true;
}

void Server::ReclaimExpired(Now now) {
  // Deletions are writes too; nobody sees an expired key meanwhile.
  if (store_.engine().WritesMustWait()) {
    next_reclaim_us_ = now.monotonic_us + kInspectionPeriodUs;
    return;
  }
  const int64_t started_us = options_.stopwatch_us();
  const auto reaped = store_.Reap(now.unix_ms(), kReclaimBatch);
  statistics_.expired_keys += reaped.size();
  next_reclaim_us_ =
      now.monotonic_us + (reaped.size() == kReclaimBatch ? kReclaimPauseUs : kInspectionPeriodUs);
  const int64_t took_ms = (options_.stopwatch_us() - started_us) / 1000;
  const int64_t threshold = options_.config.latency_monitor_threshold;
  if (threshold > 0 && took_ms >= threshold) {
    latency_monitor_.Add("expire-cycle", now.unix_s(), took_ms);
  }
}

// What is true of sessions over time rather than at an input: idle, owed too much for too long.
void Server::InspectSessions(Now now) {
  next_inspection_us_ = now.monotonic_us + kInspectionPeriodUs;
  ops_rate_.Sample(statistics_.total_commands_processed, now.monotonic_us);
  input_rate_.Sample(statistics_.total_net_input_bytes, now.monotonic_us);
  output_rate_.Sample(statistics_.total_net_output_bytes, now.monotonic_us);
  total_unsent_ = 0;
  const int64_t timeout_us = options_.config.timeout * 1'000'000;
  for (auto& [id, session] : sessions_) {
    total_unsent_ += session->unsent_bytes();
    CheckOutputLimit(*session, now);
    const bool may_idle = session->subscribed() || session->monitoring || session->waiting() ||
                          session->postponed || session->close_now;
    if (timeout_us > 0 && !may_idle && now.monotonic_us - session->last_active_us > timeout_us) {
      Close(*session, "idle for longer than 'timeout'", false);
    }
  }
}

void Server::CheckOutputLimit(Session& session, Now now) {
  if (session.close_now) return;
  const size_t owed = session.unsent_bytes();
  const OutputLimit& limit =
      options_.config.client_output_buffer_limit[static_cast<size_t>(session.client_class())];
  if (limit.soft == 0 || owed <= limit.soft) {
    session.over_soft_limit_since_us = 0;
  } else if (session.over_soft_limit_since_us == 0) {
    session.over_soft_limit_since_us = now.monotonic_us;
  }
  const bool over_hard = limit.hard != 0 && owed > limit.hard;
  const bool over_soft =
      session.over_soft_limit_since_us != 0 &&
      now.monotonic_us - session.over_soft_limit_since_us > limit.soft_seconds * 1'000'000;
  if (!over_hard && !over_soft) return;
  ++statistics_.client_output_buffer_limit_disconnections;
  LogWarning("client " + session.peer.address + " closed: it does not read its replies (" +
             std::to_string(owed) + " bytes wait, see client-output-buffer-limit)");
  Close(session, "", false);
}

void Server::EndTurn(Now now) {
  TakeLateReplies(now);
  if (forming_ != nullptr) forming_->Stage(now);
  const auto committed = Commit(now);
  FinishTurnInCluster(committed.has_value(), now);
  FinishSaves(committed, now);
  evictions_left_ = kEvictionsPerTurn;
  TendSharedRoom(now);
  WatchWritesWait(now);
  // No range loop: closing one session can touch another.
  for (size_t i = 0; i < touched_.size(); ++i) {
    touched_[i]->data_replies.clear();
    CheckOutputLimit(*touched_[i], now);
  }
}

storage::Result<void> Server::Commit(Now now) {
  const bool had_changes = HasUncommitted();
  const int64_t started_us = options_.stopwatch_us();
  const auto committed = store_.Commit();
  executor_.OnCommit();
  if (!committed) {
    ++statistics_.commit_failures;
    commit_error_ = committed.error().message;
    if (now.monotonic_us - kCommitWarningPeriodUs >= last_commit_warning_us_) {
      last_commit_warning_us_ = now.monotonic_us;
      LogWarning("the data directory failed, clients get MISCONF: " + commit_error_);
    }
    FailReplies(committed.error());
    // What watchers were told, and when their keys expire, came from the batch that is gone.
    watches_.TouchIf([](const cluster::KeyRef&) { return true; });
    return committed;
  }
  if (!had_changes) return committed;
  commit_error_.clear();
  last_commit_at_ = now;
  const int64_t took_us = options_.stopwatch_us() - started_us;
  ++statistics_.commits;
  statistics_.commit_microseconds += took_us;
  const int64_t threshold = options_.config.latency_monitor_threshold;
  if (threshold > 0 && took_us / 1000 >= threshold) {
    latency_monitor_.Add("commit", now.unix_s(), took_us / 1000);
  }
  return committed;
}

// What was answered but not stored was never answered. A failed write loses this turn's changes, so
// that reads before them stand; after a failed read no reply about data is trusted.
void Server::FailReplies(const storage::Error& error) {
  if (IsPlanted(Mutation::kAnswersFailedCommits)) return;
  const std::string text =
      "MISCONF the data directory failed and nothing of this command was kept: " + error.message;
  FailLateReplies(text);
  for (Session* session : touched_) {
    std::string kept;
    size_t at = 0;
    for (const Session::DataReply& reply : session->data_replies) {
      if (!error.of_read && !reply.uncommitted) continue;
      kept.append(session->output, at, reply.begin - at);
      if (!reply.continued) {
        resp::ReplyWriter(kept, session->protocol).Error(text);
        statistics_.CountError(text);
      }
      at = reply.end;
    }
    if (at == 0) continue;
    kept.append(session->output, at);
    session->output = std::move(kept);
  }
}

void Server::Touch(Session& session) {
  if (std::exchange(session.touched, true)) return;
  touched_.push_back(&session);
}

void Server::ClearTouched() {
  for (Session* session : touched_) session->touched = false;
  touched_.clear();
}

void Server::Close(Session& session, std::string_view reason, bool after_reply) {
  if (session.close_reason.empty()) session.close_reason = reason;
  bool& how = !after_reply           ? session.close_now
              : session.late.empty() ? session.close_after_reply
                                     : session.close_behind_late;
  how = true;
  Detach(session);
  Touch(session);
}

// Takes the session out of everything that refers to it but the list of sessions.
void Server::Detach(Session& session) {
  Release(session);
  SetMonitoring(session, false);
  pub_sub_.UnsubscribeAll(session);
  watches_.UnwatchAll(session);
}

void Server::ResetTransaction(Session& session) {
  session.in_transaction = false;
  session.transaction_failed = false;
  session.queue.clear();
  session.queued_bytes = 0;
  watches_.UnwatchAll(session);
}

void Server::SetMonitoring(Session& session, bool on) {
  if (session.monitoring == on) return;
  session.monitoring = on;
  on ? ++monitor_count_ : --monitor_count_;
}

void Server::WarnOfSiblings(const cluster::KeyRef& ref, size_t siblings, Now now) {
  if (now.monotonic_us < next_siblings_warning_us_) return;
  next_siblings_warning_us_ = now.monotonic_us + kSiblingsWarningPeriodUs;
  LogWarning("key " + QuoteWord(ref.key.substr(0, kKeyBytesInLog)) + " of database " +
             std::to_string(ref.database) + " has " + std::to_string(siblings) +
             " concurrent values: whoever writes it should read them with DYN.GET and give its "
             "CONTEXT to DYN.SET");
}

// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
uint64_t Server::NextRandom() {
  uint64_t z = (random_state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace cartwheel::server
