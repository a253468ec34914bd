// Drives a real Server over the memory engine as the shell does, without sockets and in virtual
// time. Clients have names and connect when they are first mentioned:
//
//   ServerTester redis;
//   EXPECT_EQ(redis.Run("alice", "SET k v"), "OK");
//   EXPECT_EQ(redis.Exchange("bob", "GET k\r\n"), "$1\r\nv\r\n");
//   redis.Advance(5'000'000);
//
// Every call that sends is one turn: Receive, EndTurn, the outputs of all touched sessions.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "resp/reply.h"
#include "resp/reply_reader.h"
#include "server/server.h"
#include "storage/memory_engine.h"
#include "tests/server/staged_engine.h"

namespace cartwheel::server {

class ServerTester {
 public:
  static constexpr int64_t kStartUnixUs = 1'700'000'000'000'000;
  static constexpr int64_t kStartMonotonicUs = 1'000'000'000;

  static Config InMemory() {
    Config config;
    config.save = "";
    return config;
  }

  explicit ServerTester(Config config = InMemory(),
                        std::optional<ClusterOptions> cluster = std::nullopt,
                        std::optional<FormingOptions> forming = std::nullopt)
      : engine_(storage::NewMemoryEngine()),
        server_(
            {.config = std::move(config),
             .run_id = std::string(40, 'a'),
             .executable = "/usr/bin/cartwheel-server",
             .pid = 4711,
             .seed = 1,
             .cluster = cluster,  // the store takes from it too
             .forming = std::move(forming),
             .stopwatch_us = ReadStopwatch},
            std::move(*cluster::LocalStore::Open(
                engine_,
                {.actor_seed =
                     cluster ? static_cast<uint64_t>(cluster->self) ^ cluster->boot_nonce << 32 : 0,
                 .ownership = cluster ? OwnershipOf(*cluster) : cluster::Ownership{}})),
            now_) {
    command_takes_us = 0;
  }

  Server& server() { return server_; }
  StagedEngine& engine() { return engine_; }  // to make it fail, wait, be full
  Now now() const { return now_; }

  // The fake stopwatch: what every measured command, and the turn's commit, appears to take.
  static inline int64_t command_takes_us = 0;

  // A client from elsewhere than this machine's loopback, which is where the others are.
  Session& Connect(std::string_view client, Peer peer) {
    Session& session = server_.Connect(std::move(peer), now_);
    clients_[std::string(client)] = {.session = &session, .received = {}, .reads = true};
    server_.Touch(session);
    EndTurn();
    return session;
  }

  // Connected now; a client whose connection was closed connects again.
  Session& session(std::string_view client) {
    const auto found = clients_.find(client);
    if (found != clients_.end() && found->second.session != nullptr) return *found->second.session;
    const std::string port = std::to_string(50001 + clients_.size());
    return Connect(client, {.address = "127.0.0.1:" + port,
                            .local_address = "127.0.0.1:6379",
                            .loopback = true,
                            .fd = static_cast<int>(8 + clients_.size())});
  }
  bool connected(std::string_view client) const {
    const auto found = clients_.find(client);
    return found != clients_.end() && found->second.session != nullptr;
  }
  void Disconnect(std::string_view client) {
    server_.Disconnect(*std::exchange(clients_.find(client)->second.session, nullptr));
  }

  // From now on the client takes nothing off its socket; until it reads again, what it is owed
  // stays with the server.
  void StopReading(std::string_view client) {
    session(client);
    clients_.find(client)->second.reads = false;
  }
  // It reads everything that it is owed by now, and what comes.
  void ReadAgain(std::string_view client) {
    clients_.find(client)->second.reads = true;
    server_.Touch(session(client));
    EndTurn();
  }
  // The client shuts its side of the connection down, having sent everything.
  void EndInput(std::string_view client) {
    server_.EndOfInput(session(client), now_);
    EndTurn();
  }

  // Bytes in without a turn: the next turn answers them, with those of other clients.
  void Receive(std::string_view client, std::string_view bytes) {
    server_.Receive(session(client), bytes, now_);
  }
  // Commits and delivers, as the shell at the end of every loop turn.
  void EndTurn() {
    server_.EndTurn(now_);
    const std::vector<Session*> touched(server_.touched().begin(), server_.touched().end());
    const std::vector<cluster::NodeId> peers(server_.touched_peers().begin(),
                                             server_.touched_peers().end());
    for (const cluster::NodeId peer : peers) {
      peer_output_[peer] += server_.TakePeerOutput(peer);
    }
    server_.ClearTouched();
    for (Session* session : touched) Deliver(*session);
  }

  // Bytes in, one turn; all bytes out that the client had not taken yet.
  std::string Exchange(std::string_view client, std::string_view bytes) {
    Receive(client, bytes);
    EndTurn();
    return Take(client);
  }
  // The frames for its peers that nobody has taken yet.
  std::map<cluster::NodeId, std::string> TakePeerOutput() {
    return std::exchange(peer_output_, {});
  }
  // What the client has received and not yet taken.
  std::string Take(std::string_view client) {
    const auto found = clients_.find(client);
    return found == clients_.end() ? "" : std::exchange(found->second.received, {});
  }
  std::vector<resp::Reply> TakeReplies(std::string_view client) {
    const std::string bytes = Take(client);
    auto replies = resp::ReadReplies(bytes);
    EXPECT_TRUE(replies.has_value()) << replies.error() << " in " << bytes;
    return replies.value_or(std::vector<resp::Reply>());
  }

  // One command in one turn, as an inline request (quotes and their escapes work). Its only reply.
  resp::Reply Send(std::string_view client, std::string_view line) {
    return OnlyReply(client, std::string(line) + "\r\n");
  }
  // The same with arguments of any bytes.
  resp::Reply SendArgs(std::string_view client, const std::vector<std::string>& args) {
    std::string request = "*" + std::to_string(args.size()) + "\r\n";
    for (const std::string& arg : args) {
      request += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
    }
    return OnlyReply(client, request);
  }
  // As redis-cli shows the reply at a terminal.
  std::string Run(std::string_view client, std::string_view line) {
    return resp::ToString(Send(client, line));
  }

  // Lets time pass, with a Tick and a turn at each deadline on the way.
  void Advance(int64_t microseconds) {
    const int64_t target_us = now_.monotonic_us + microseconds;
    while (now_.monotonic_us < target_us) {
      const int64_t next_us =
          std::min(std::max(server_.NextDeadline(), now_.monotonic_us + 1), target_us);
      now_.unix_us += next_us - now_.monotonic_us;
      now_.monotonic_us = next_us;
      server_.Tick(now_);
      EndTurn();
    }
  }

 private:
  struct Client {
    Session* session;  // null once its connection is closed
    std::string received;
    bool reads = true;
  };

  // The server reads it in pairs, before and after.
  static int64_t ReadStopwatch() {
    stopwatch_us_ += command_takes_us;
    return stopwatch_us_;
  }

  Client& ClientOf(const Session& session) {
    const auto found = std::ranges::find_if(
        clients_, [&](const auto& client) { return client.second.session == &session; });
    EXPECT_NE(found, clients_.end()) << "a session that did not connect here";
    return found->second;
  }

  void Deliver(Session& session) {
    Client& client = ClientOf(session);
    if (!session.close_now && !session.output.empty() && !client.reads) return;
    if (!session.close_now && !session.output.empty()) {
      const std::string output = std::exchange(session.output, {});
      client.received += output;
      server_.Sent(session, output.size(), now_);
    }
    if (!session.closing()) return;
    client.session = nullptr;
    server_.Disconnect(session);
  }

  resp::Reply OnlyReply(std::string_view client, std::string_view request) {
    EXPECT_EQ(Take(client), "") << "unread replies before " << request;
    Receive(client, request);
    EndTurn();
    std::vector<resp::Reply> replies = TakeReplies(client);
    EXPECT_EQ(replies.size(), 1U) << request;
    return replies.empty() ? resp::Reply{} : std::move(replies.front());
  }

  static inline int64_t stopwatch_us_ = 0;

  Now now_{.unix_us = kStartUnixUs, .monotonic_us = kStartMonotonicUs};
  StagedEngine engine_;
  Server server_;
  std::map<std::string, Client, std::less<>> clients_;
  std::map<cluster::NodeId, std::string> peer_output_;
};

}  // namespace cartwheel::server
