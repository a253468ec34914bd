// One client's connection, without the socket: what it sent that is not yet executed, what it is
// owed, and what it told us about itself. The server changes it; the shell moves bytes in and out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "cluster/levels.h"
#include "cluster/session_context.h"
#include "cluster/value.h"
#include "resp/reply_writer.h"
#include "resp/request_parser.h"
#include "server/command.h"
#include "server/config.h"
#include "server/now.h"

namespace cartwheel::server {

using SessionId = uint64_t;

struct Peer {
  std::string address;        // "127.0.0.1:50000", "[::1]:50000" or "/path:0"
  std::string local_address;  // the same of our end
  bool loopback = false;
  bool unix_socket = false;
  int fd = -1;  // shown by CLIENT LIST, nothing else
};

// A key that EXEC depends on.
struct WatchedKey {
  cluster::Database database = 0;
  std::string key;
  cluster::ExpireAt expire_at = cluster::kNoExpiry;  // when it was watched; absent keys have none
};

class Session {
 public:
  Session(SessionId client_id, Peer client_peer, Now now)
      : id(client_id),
        peer(std::move(client_peer)),
        connected_at(now),
        last_active_us(now.monotonic_us) {}

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const SessionId id;
  const Peer peer;
  const Now connected_at;
  int64_t last_active_us;  // monotonic; of the last bytes or reply

  // What the client said about itself.
  std::string name;
  std::string library_name;
  std::string library_version;
  resp::Protocol protocol = resp::Protocol::kResp2;
  cluster::Database database = 0;
  bool authenticated = false;
  bool no_evict = false;
  bool no_touch = false;
  bool monitoring = false;
  bool reads_anywhere = false;  // READONLY: what it reads is not redirected
  bool asking = false;          // nor anything in its next command or transaction: ASKING
  // How often in a row it asked the same in vain and was answered with MOVED: redirect.cc.
  struct SentAway {
    size_t request = 0;  // its hash
    int times = 0;
    uint64_t turn = 0;  // the last of those
  };
  SentAway sent_away;
  // CLIENT REPLY SKIP makes kSkipNext, which becomes kSkip for the one command after it.
  enum class ReplyMode : uint8_t { kOn, kOff, kSkipNext, kSkip };
  ReplyMode reply_mode = ReplyMode::kOn;
  const Command* last_command = nullptr;  // null too after an unknown one

  // Input: bytes received that no executed request has consumed; they start at a request's first
  // byte.
  resp::RequestParser parser;
  std::string input;
  bool input_ended = false;  // the peer sends no more

  // Output: replies and pushes in order; the shell takes them after the turn's commit.
  std::string output;
  size_t in_flight = 0;  // bytes that the shell took and the socket has not
  // Ranges of `output` written this turn by commands on data: if the commit fails, they become
  // errors.
  struct DataReply {
    size_t begin;
    size_t end;
    bool uncommitted;  // it saw or made uncommitted changes
    bool continued;    // the rest of the reply before it: a push stands between them
  };
  std::vector<DataReply> data_replies;
  // Pushes written while a command of its own runs: messages to itself, confirmations of
  // subscriptions. They stand whatever becomes of the command's reply.
  struct OwnPush {
    size_t begin;
    size_t end;
  };
  std::vector<OwnPush> own_pushes;
  bool executing = false;
  int64_t over_soft_limit_since_us = 0;  // 0: not over it

  struct QueuedCommand {
    const Command* command;
    std::vector<std::string> args;
    std::optional<cluster::Levels> levels;  // its own, by DYN.QUORUM
  };
  // Replies that other nodes are waited for, and those of later requests behind them, in order.
  // Empty on a node without peers.
  struct LateReply {
    uint64_t slot = 0;
    bool known = false;
    bool silent = false;  // CLIENT REPLY OFF or SKIP: it is not sent
    uint64_t turn = 0;    // it depends on what that turn commits; 0: on nothing
    std::string bytes;
    std::vector<uint64_t> updates{};  // hashes of the keys that its request changes after reading
  };
  std::deque<LateReply> late;
  uint64_t next_slot = 1;
  std::unordered_multiset<uint64_t> updating;  // of all in `late`: who names one of them waits
  bool waits_for_late = false;   // its next request has to see what those before it do
  cluster::SessionContext seen;  // in a cluster: of the keys it used last
  // EXEC: commands of the transaction that have not begun.
  std::deque<QueuedCommand> exec_rest;
  std::optional<cluster::Levels> exec_levels;  // of EXEC itself, by DYN.QUORUM: for all

  // How the connection ends.
  bool close_after_reply = false;  // no more input; closed once the output is sent
  bool close_now = false;          // closed at the end of this turn, output dropped
  bool close_behind_late = false;  // no more input; close_after_reply once all replies are known
  std::string close_reason;        // for the log

  // What holds its next request back, if anything does.
  uint64_t hold_ticket = 0;  // its place among the sessions held back; 0: none
  bool postponed = false;    // CLIENT PAUSE, DEBUG SLEEP, a slow disk: the request is in `input`
  int64_t waiting_until_us = 0;  // monotonic; 0: not waiting; INT64_MAX: for ever
  std::string waiting_reply;     // given then
  // SAVE and SHUTDOWN SAVE wait for the end of the turn, and what they do then.
  enum class AfterSave : uint8_t { kNothing, kReply, kShutDown, kShutDownAnyway };
  AfterSave after_save = AfterSave::kNothing;

  // MULTI.
  bool in_transaction = false;
  bool in_exec = false;             // its queued commands are running: nothing may wait
  size_t exec_length = 0;           // how many they are
  bool transaction_failed = false;  // a command could not be queued: EXEC answers EXECABORT
  bool watched_key_changed = false;
  std::vector<QueuedCommand> queue;
  size_t queued_bytes = 0;  // arguments in `queue`
  std::vector<WatchedKey> watched;

  // Subscriptions, sorted so that replies do not depend on hashing.
  std::set<std::string, std::less<>> channels;
  std::set<std::string, std::less<>> patterns;
  std::set<std::string, std::less<>> shard_channels;

  // DYN.QUORUM: how many replicas its requests wait for, ...
  cluster::Levels levels;
  // ... and the one that runs or is queued now, if it has levels of its own.
  std::optional<cluster::Levels> command_levels;

  bool touched = false;       // has something for the driver this turn
  void* transport = nullptr;  // the driver's own handle of this connection; never looked at here

  size_t subscription_count() const { return channels.size() + patterns.size(); }
  bool subscribed() const { return subscription_count() + shard_channels.size() > 0; }
  bool closing() const { return close_after_reply || close_now || close_behind_late; }
  bool held_back() const { return hold_ticket != 0; }
  bool waiting() const { return waiting_until_us != 0; }
  bool silent() const { return reply_mode == ReplyMode::kOff || reply_mode == ReplyMode::kSkip; }
  // Whether a command of the transaction has one of the CommandFlags.
  bool HasQueued(uint32_t flags) const {
    return std::ranges::any_of(queue, [flags](const QueuedCommand& queued) {
      return (queued.command->flags & flags) != 0;
    });
  }
  // The push that begins there has been written to `output`.
  void NotePush(size_t begin) {
    if (executing) own_pushes.push_back({begin, output.size()});
  }
  size_t unsent_bytes() const { return output.size() + in_flight; }
  ClientClass client_class() const {
    return subscribed() || monitoring ? ClientClass::kPubSub : ClientClass::kNormal;
  }
  resp::ReplyWriter writer() { return {output, protocol}; }
};

}  // namespace cartwheel::server
