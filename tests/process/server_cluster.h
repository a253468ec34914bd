// Real servers that are one cluster: nodes 1 to n, none of which runs before it is started.
//
// All that it started is stopped with it, also what is paused.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/process/client.h"
#include "tests/process/networks.h"
#include "tests/process/server_process.h"

namespace cartwheel {

class ServerCluster {
 public:
  // How its nodes know of each other.
  enum class Members {
    kListed,        // by a fixed list, in which the numbers used here are their ids
    kJoining,       // they look for each other, and the cluster gives them ids
    kUnacquainted,  // not at all, until they are told
  };
  struct Options {
    Members members = Members::kListed;
    // Of every node's command line.
    std::vector<std::string> of_all = {};
    // A node's place is its port of this switch, which must outlive the cluster. Otherwise all are
    // on the loopback.
    const Switch* wires = nullptr;
  };

  explicit ServerCluster(int size) : ServerCluster(size, Options()) {}
  ServerCluster(int size, Options options);
  ~ServerCluster();
  ServerCluster(const ServerCluster&) = delete;
  ServerCluster& operator=(const ServerCluster&) = delete;

  int size() const { return static_cast<int>(nodes_.size()); }
  // Where the other nodes reach it.
  std::string address(int id) const;
  int cluster_port(int id) const { return nodes_[Index(id)].cluster_port; }
  // What makes a server this node; Start passes it.
  std::vector<std::string> OptionsOf(int id) const;

  // Returns once it answers clients. A node that has run before goes on with its data and its
  // ports. `more`: options of this run alone.
  void Start(int id, const std::vector<std::string>& more = {});
  // All that have not been started yet, in order.
  void StartAll();
  // kill -9.
  void Kill(int id) { at(id).Kill(); }
  // SIGTERM; the exit code.
  std::optional<int> Stop(int id);
  // It stands still, with its connections open, until it is resumed.
  void Pause(int id);
  void Resume(int id);

  // One that has been started.
  ServerProcess& at(int id) { return *nodes_[Index(id)].server; }
  Client Connect(int id);

  // Those that run and are not paused.
  std::vector<int> Serving();
  // Asks each that serves until it has said so. False: one did not in time.
  [[nodiscard]] bool AwaitAll(const std::function<bool(int id, Client& client)>& says);
  // All that serve say the same: so many members, none of which is lost, and one id of the cluster.
  [[nodiscard]] bool AwaitOneOf(size_t members);
  // All that serve take that node of a fixed list, if it is not themselves, for "up" or "down".
  [[nodiscard]] bool AwaitPeer(int peer, std::string_view state);
  // That for each node of the list, "up".
  [[nodiscard]] bool AwaitAllUp();

 private:
  struct Node {
    int cluster_port = 0;
    bool paused = false;
    std::unique_ptr<ServerProcess> server;
  };

  static size_t Index(int id) { return static_cast<size_t>(id - 1); }
  bool HasRun(int id) const;
  // Whoever holds it makes its sockets and processes where that node is.
  Network::Inside Enter(int id) const;

  const Options options_;
  std::vector<Node> nodes_;
};

}  // namespace cartwheel
