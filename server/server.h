// The Redis surface of a node without I/O: sessions, the command table's execution, transactions,
// publish/subscribe.
//
// The driver (the libuv shell, a test, the simulator) repeats one turn:
//   Receive / Connect / Tick ...   requests are executed, replies gather in the sessions
//   EndTurn                        the turn's writes are committed; only then may outputs be sent
//   for each touched() session     send session.output, or close
// If the commit fails, every reply that depended on it has become an error by the time EndTurn
// returns.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/identity.h"
#include "cluster/local_store.h"
#include "cluster/message.h"
#include "cluster/node_id.h"
#include "server/config.h"
#include "server/conflict_log.h"
#include "server/executor.h"
#include "server/forming.h"
#include "server/freed_memory.h"
#include "server/gateway.h"
#include "server/latency_monitor.h"
#include "server/now.h"
#include "server/persistence_watch.h"
#include "server/pub_sub.h"
#include "server/room_target.h"
#include "server/session.h"
#include "server/slow_log.h"
#include "server/statistics.h"
#include "server/watch_table.h"

namespace cartwheel::server {

struct QuorumRequest;

struct ServerOptions {
  Config config;
  std::string run_id;      // 40 hex digits, new for every start
  std::string executable;  // path, for INFO
  int64_t pid = 0;
  uint64_t seed = 0;  // of everything random: RANDOMKEY, cursors of choice
  // Nothing: a node without peers.
  std::optional<ClusterOptions> cluster;
  // Besides, of one whose members come and go.
  std::optional<FormingOptions> forming = {};
  // Microseconds of a monotonic clock, read around each command for SLOWLOG and command statistics.
  int64_t (*stopwatch_us)() = nullptr;
  cluster::Identity identity = {};  // what the context tokens of clients are bound to
};

class Server {
 public:
  Server(ServerOptions options, cluster::LocalStore store, Now now);

  // --- Inputs
  // -----------------------------------------------------------------------------------------------

  // A new connection. The session lives until Disconnect. When it is refused (maxclients, protected
  // mode) it comes with the error in its output and close_after_reply set.
  Session& Connect(Peer peer, Now now);
  void Receive(Session& session, std::string_view bytes, Now now);
  // The peer sent its last byte: what was received is answered, then the session closes.
  void EndOfInput(Session& session, Now now);
  // The connection is gone; forgets the session.
  void Disconnect(Session& session);
  // Timers that are due: paused and waiting clients, idle timeouts, expired keys, samples.
  void Tick(Now now);
  // The shell took `bytes` of a session's output; `in_flight` of the session says how many the
  // socket still owes.
  void Sent(Session& session, size_t bytes, Now now);
  // In a cluster: our link to a member is up; it broke, or theirs to us did; what it says. From
  // nobody else, and nothing without a cluster.
  void PeerUp(cluster::NodeId peer, Now now);
  void PeerDown(cluster::NodeId peer, Now now);
  // Where it said that clients reach it.
  void LearnClientAddress(cluster::NodeId peer, ClientAddress address);
  // Those that are up, each with the Unix time in ms since when.
  const std::map<cluster::NodeId, int64_t>& links() const { return links_; }
  // As this node sees it now, with the addresses for the client of `session`. Only of a node that
  // has peers.
  ClusterMap MapOfCluster(const Session& session) const;
  // A hint of what peers say next, from their unread bytes on. Returns for how many messages it
  // holds, at least 1.
  size_t PrefetchForPeers(std::string_view frames);
  void ReceiveFromPeer(cluster::NodeId peer, const cluster::Message& message, Now now);
  // Where members come and go: this node's membership; nullptr elsewhere.
  Forming* forming() { return forming_.get(); }
  const Forming* forming() const { return forming_.get(); }
  // False: it waits to be let into a cluster, and serves no keys.
  bool is_formed() const { return forming_ == nullptr || forming_->formed(); }
  // A datagram came to the port of the cluster, from wherever.
  void ReceiveDatagram(std::string_view bytes, Now now);
  // What the link to it has not taken yet.
  void PeerBacklog(cluster::NodeId peer, size_t unsent_bytes);
  // SIGTERM and SIGINT.
  void RequestShutdown(std::string_view why);

  // --- The end of a turn
  // -------------------------------------------------------------------------------------

  void EndTurn(Now now);
  // Sessions with something for the shell, each once; valid until the next input. EndTurn has run.
  std::span<Session* const> touched() const { return touched_; }
  void ClearTouched();
  // Members with output, each once, and their output, which the shell takes: whole frames.
  std::span<const cluster::NodeId> touched_peers() const;
  std::string TakePeerOutput(cluster::NodeId peer);
  // For members, each once; they may be lost.
  std::vector<cluster::Gossip::Datagram> TakeDatagrams();
  // Whether the shell should go on reading from the session: false while it is owed more than it
  // takes.
  bool WantsInput(const Session& session) const;
  // Monotonic time of the next Tick that has work.
  int64_t NextDeadline() const;
  bool shutdown_requested() const { return shutdown_requested_; }

  // --- For handlers
  // ------------------------------------------------------------------------------------------

  Config& config() { return options_.config; }
  const ServerOptions& options() const { return options_; }
  cluster::LocalStore& store() { return store_; }
  Executor& executor() { return executor_; }
  PubSub& pub_sub() { return pub_sub_; }
  // To subscribers on this node and, in a cluster, on those that are linked. Returns how many there
  // are on this one.
  size_t PublishEverywhere(PubSub::Kind kind, std::string_view channel, std::string_view message);
  // Of a session that has asked for nothing else.
  cluster::Levels default_levels() const {
    return options_.cluster ? options_.cluster->levels : cluster::Levels{};
  }
  // nullptr: no cluster.
  Gateway* gateway() { return gateway_.get(); }
  WatchTable& watches() { return watches_; }
  Statistics& statistics() { return statistics_; }
  SlowLog& slow_log() { return slow_log_; }
  ConflictLog& conflicts() { return conflicts_; }
  LatencyMonitor& latency_monitor() { return latency_monitor_; }
  const std::map<SessionId, std::unique_ptr<Session>>& sessions() const { return sessions_; }
  Now started_at() const { return started_at_; }
  Now last_commit_at() const { return last_commit_at_; }
  const PersistenceWatch& persistence_watch() const { return persistence_watch_; }
  // Why the last commit failed; empty when it did not.
  const std::string& commit_error() const { return commit_error_; }
  // What the options say of eviction is so from now on.
  void TakeEvictionOptions();
  // In a cluster: bytes that are to go from here; <= 0: none.
  int64_t room_needed() const { return room_needed_; }
  double ops_per_second() const { return ops_rate_.per_second(); }
  double input_bytes_per_second() const { return input_rate_.per_second(); }
  double output_bytes_per_second() const { return output_rate_.per_second(); }
  uint64_t NextRandom();

  // Marks a session as having output or a state change for the shell.
  void Touch(Session& session);
  // Closes a session: at once when it is another's, after its reply when it is the caller's own.
  // From here on it receives, watches and waits for nothing.
  void Close(Session& session, std::string_view reason, bool after_reply);
  // Runs one command for a session that is allowed to run it (dispatch and EXEC): the reply,
  // statistics, SLOWLOG.
  void Call(Session& session, const Command& command, Args args, Now now);
  // EXEC: its commands, after the reply's head that begins there.
  void RunExec(Session& session, std::vector<Session::QueuedCommand> queue, size_t begin, Now now);
  // When everything committed by then was last brought to the data file.
  int64_t last_save_unix_ms() const;
  // BGSAVE: brings what is committed with this turn to the data file, in the background.
  void StartSave(Now now);
  // SAVE: the same at the end of the turn, while everybody waits; then the session gets its reply.
  void SaveAfterTurn(Session& session, Session::AfterSave then);
  // A key has got many siblings: tells the operator, at most once a second.
  void WarnOfSiblings(const cluster::KeyRef& ref, size_t siblings, Now now);
  // Drops the queue and the watched keys.
  void ResetTransaction(Session& session);

  enum class PauseMode : uint8_t { kNone, kWrite, kAll };
  // Extends a pause that is already longer or stricter, as CLIENT PAUSE does.
  void Pause(PauseMode mode, int64_t until_us);
  void Unpause(Now now);
  PauseMode pause_mode() const { return pause_mode_; }
  // DEBUG SLEEP: nothing is executed for anybody until then.
  void Stall(int64_t until_us);
  // WAIT in a cluster: the session is told how many owners but one hold what it has written, once
  // there are `replicas` or at `until_us` (INT64_MAX: never). It may be ended before, if it is one:
  // the session is then told what is known, or the error.
  void WaitForCopies(Session& session, size_t replicas, int64_t until_us, Now now);
  // CLUSTER VERIFY: the reply comes when the owners have told.
  void ReplyVerified(Session& session, bool with_keys, Now now);
  bool EndWaitForCopies(const Session& session, std::string_view error);
  // WAIT, DEBUG SLEEP: `reply` is given at `until_us` (INT64_MAX: never), and the session's next
  // request waits for it.
  void ReplyLater(Session& session, int64_t until_us, std::string reply);
  // MONITOR on and off.
  void SetMonitoring(Session& session, bool on);
  // Whether it still has to give the password; not once `requirepass` is cleared.
  bool MustAuthenticate(const Session& session) const {
    return !session.authenticated && !options_.config.requirepass.empty();
  }

 private:
  // dispatch.cc
  enum class Outcome : uint8_t { kDone, kPostponed };
  size_t RunRequests(Session& session, std::string_view input, Now now);
  size_t PrefetchKeys(const Session& session, std::string_view input);
  Outcome Dispatch(Session& session, Args args, Now now);
  Outcome Route(Session& session, Args args, Now now);
  Outcome RouteWithLevels(Session& session, const QuorumRequest& request, Now now);
  std::string WhyNot(Session& session, const Command& command, Args args, Now now);
  void Enqueue(Session& session, const Command& command, Args args);
  void Reject(Session& session, const Command* command, std::string_view error);
  void RunCommand(Session& session, const Command& command, Args args, Now now);
  void KeepOwnPushesOnly(Session& session, size_t begin);
  void NoteDataReply(Session& session, size_t begin);

  // redirect.cc
  std::string WhyElsewhere(Session& session, const Command& command, Args args);
  std::string WhatSendsElsewhere(const Session& session, const Command& command, Args args);
  std::string RedirectionOf(cluster::Slot slot, const Session& session) const;

  // call.cc
  bool WantsDurable(const Session& session, const Command& command) const;
  void CallOperation(Session& session, const Command& command, Args args, Now now);
  // What a call leaves in statistics, SLOWLOG and LATENCY; `error` is empty or the reply after its
  // '-'.
  void Account(const Session& session, const Command& command, Args args, Now now, int64_t took_us,
               std::string_view error);
  void FeedMonitors(const Session& from, const Command& command, Args args, Now now);

  // in_cluster.cc
  void CallInCluster(Session& session, const Command& command, Args args, Now now);
  void WalkInCluster(Session& session, const Command& command, Args args, Now now);
  static Gateway::Place TakeLatePlace(Session& session);
  void WaitForLate(Session& session);
  size_t PublishHere(PubSub::Kind kind, std::string_view channel, std::string_view message);
  bool IsOutside(const Session& session) const;
  ClusterMap::Node MapNode(cluster::NodeId id, const Session& session) const;
  void NoteUpdate(Session& session, const Command& command, Args args);
  bool IsUpdatingAny(const Session& session, const Command& command, Args args);
  bool MustFollowLate(const Session& session, const Command& command, Args args);
  void PlaceBehindLate(Session& session, size_t begin);
  void TakeLateReplies(Now now);
  void GiveLateReply(Session& session, uint64_t slot, std::string bytes, bool uncommitted, Now now);
  void SendKnownReplies(Session& session);
  void FailLateReplies(const std::string& text);
  void FinishTurnInCluster(bool committed, Now now);
  bool HasUncommitted() const {
    return executor_.uncommitted() || (gateway_ != nullptr && gateway_->uncommitted());
  }
  void RunRestOfExec(Session& session, Now now);

  // eviction.cc
  bool OutOfStorageFor(const Session& session, const Command& command, Args args, Now now);
  bool OutOfMemoryFor(const Session& session, const Command& command, Now now);
  bool evicts() const { return options_.config.eviction_policy != EvictionPolicy::kNoEviction; }
  // With the other owners of its keys.
  bool makes_room_together() const { return evicts() && gateway_ != nullptr && !store_.is_alone(); }
  cluster::LocalStore::VictimTerms victim_terms() const {
    return {.policy = options_.config.eviction_policy,
            .samples = std::min<size_t>(options_.config.maxmemory_samples, 64)};
  }
  bool PayEvictionDebt(Now now);
  std::optional<int64_t> EvictBytes(uint64_t bytes, size_t limit, Now now);
  int64_t NoteEvicted(std::span<const cluster::LocalStore::Evicted> evicted);
  void TendSharedRoom(Now now);
  void WarnOfFullStorage(Now now);
  void FlushForRoom(Now now);
  std::vector<cluster::LocalStore::Evicted> EvictAny(uint64_t bytes, size_t limit, Now now);
  void TendStorage(Now now);

  // saving.cc
  void FinishSaves(const storage::Result<void>& committed, Now now);
  void FinishSave(Session& session, const storage::Result<void>& saved, Now now);

  // held_back.cc
  void TickEngine(Now now);
  void WatchWritesWait(Now now);
  void Hold(Session& session);
  void Release(Session& session);
  void WakeSessions(Now now);
  void ResumeInput(Session& session, Now now);
  bool MustPostpone(const Session& session, const Command& command) const;
  void AwaitPeers(Now now);
  void EndAwaitingPeers(Now now);
  bool AllAreLinked() const;
  bool OwesTooMuch(const Session& session) const;

  // server.cc
  void Detach(Session& session);
  void CheckOutputLimit(Session& session, Now now);
  storage::Result<void> Commit(Now now);
  void FailReplies(const storage::Error& error);
  void ReclaimExpired(Now now);
  void InspectSessions(Now now);

  ServerOptions options_;
  cluster::LocalStore store_;
  Statistics statistics_;
  WatchTable watches_;
  PubSub pub_sub_;
  SlowLog slow_log_;
  LatencyMonitor latency_monitor_;
  ConflictLog conflicts_;
  Executor executor_;
  std::unique_ptr<Gateway> gateway_;                           // nullptr: no cluster
  std::unique_ptr<Forming> forming_;                           // nullptr: its members are fixed
  std::map<cluster::NodeId, ClientAddress> client_addresses_;  // as peers told
  std::map<cluster::NodeId, int64_t> links_;
  PersistenceWatch persistence_watch_;
  FreedMemory freed_memory_;
  std::map<SessionId, std::unique_ptr<Session>> sessions_;
  std::vector<Session*> touched_;
  SessionId next_client_id_ = 1;
  Now started_at_;
  Now last_commit_at_;
  std::string commit_error_;
  uint64_t random_state_;
  uint64_t turn_ = 1;
  size_t monitor_count_ = 0;
  size_t total_unsent_ = 0;                 // over all sessions, as of the last inspection
  std::map<uint64_t, Session*> held_back_;  // by ticket: whose next request waits for something
  uint64_t next_hold_ticket_ = 1;
  PauseMode pause_mode_ = PauseMode::kNone;
  int64_t pause_until_us_ = 0;
  int64_t stalled_until_us_ = 0;
  int64_t peers_awaited_until_us_ = 0;  // 0: they are not
  int64_t next_inspection_us_ = 0;
  int64_t next_reclaim_us_ = 0;
  int64_t next_wake_us_ = INT64_MAX;  // when one of held_back_ may be able to go on
  int64_t last_commit_warning_us_ = INT64_MIN;
  int64_t next_engine_tick_us_ = 0;
  bool writes_waited_ = false;  // the last time anybody looked
  int64_t saved_unix_ms_ = 0;   // by SAVE or BGSAVE, when there was nothing to flush
  bool saves_wait_ = false;     // sessions wait for the end of the turn
  int64_t eviction_debt_ = 0;   // bytes that are to go while the store is full; < 0: gone before
  int64_t volume_share_ = 256;  // of 1024 bytes of memory: keys and records
  RoomTarget room_target_;
  int64_t room_needed_ = 0;
  bool log_takes_room_ = false;
  size_t evictions_left_ = 0;     // of this turn; EndTurn gives new ones
  int64_t eviction_surplus_ = 0;  // of the debt since the last flush: beyond what was written
  uint64_t flushes_seen_ = 0;
  std::string eviction_hand_;  // store key at which the eviction of any keys goes on
  int64_t next_full_flush_us_ = 0;
  int64_t last_full_warning_us_ = INT64_MIN;
  int64_t next_siblings_warning_us_ = INT64_MIN;
  bool shutdown_requested_ = false;
  // Where one command ended the next one begins: a reading of the clock each, not two.
  int64_t stopwatch_read_us_ = 0;
  OperationRequest request_;                       // scratch, reused
  std::vector<size_t> key_indexes_;                // scratch, reused
  std::vector<std::string_view> arguments_ahead_;  // scratch, reused
  std::vector<cluster::KeyRef> keys_ahead_;        // scratch, reused
  Rate ops_rate_;
  Rate input_rate_;
  Rate output_rate_;
};

}  // namespace cartwheel::server
