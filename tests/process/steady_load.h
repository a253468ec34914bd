// Clients that read and write known keys at a steady pace through all nodes they are told of, and
// check each reply: a key is found at any time, with its last acknowledged value or a later one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/process/client.h"
#include "tests/process/server_cluster.h"

namespace cartwheel {

class SteadyLoad {
 public:
  struct Options {
    int keys = 2000;
    int threads = 2;  // each key is one thread's
    int64_t pause_us = 1000;
  };
  // Microseconds of all operations of a phase, ascending.
  using Times = std::vector<int64_t>;
  static int64_t Percentile(const Times& times, double part);
  static std::string Show(const Times& times);

  explicit SteadyLoad(ServerCluster& nodes) : SteadyLoad(nodes, Options()) {}
  SteadyLoad(ServerCluster& nodes, Options options) : nodes_(nodes), options_(options) {}
  ~SteadyLoad() { End(); }
  SteadyLoad(const SteadyLoad&) = delete;
  SteadyLoad& operator=(const SteadyLoad&) = delete;

  // To be called from one thread, the test's.
  //
  // The node serves from now on. Before Begin(), at least one; a node that ends its connections is
  // connected to again until Without.
  void With(int node);
  void Without(int node);
  // It is to be taken out: what it was asked just then may be UNCERTAIN, and is made anew
  // elsewhere.
  void Leaves(int node) { leaves_[static_cast<size_t>(node)] = true; }
  // Writes every key once, then goes on until the end.
  void Begin();
  // What comes from now on is of another phase, whose number is returned; Begin() begins with 0.
  int NextPhase() { return ++phase_; }
  void End();
  // How many of the keys that node has not, or with an older value.
  int LostAt(int node);

  // --- Once it has ended

  Times TimesOf(int phase) const;
  // Reads that did not find their key, or found an older value than the last acknowledged one.
  const std::vector<std::string>& losses() const { return losses_; }
  // Replies that are neither a value nor OK, but for those of nodes that end or are taken out.
  const std::vector<std::string>& errors() const { return errors_; }
  // Connections that ended during an operation, which was then made anew elsewhere.
  int broken() const { return broken_; }

 private:
  static constexpr int kMostNodes = 16;
  static constexpr size_t kMostPhases = 16;
  // Numbers of writes.
  struct Key {
    int64_t acknowledged = -1;
    int64_t tried = -1;
  };
  struct Worker {
    std::vector<std::unique_ptr<Client>> clients{kMostNodes};
    int next_node = 0;
    std::array<Times, kMostPhases> times;
    std::thread thread;
  };

  static std::string Name(int key) { return "key" + std::to_string(key); }
  void Run(Worker& worker, int number);
  void Write(Worker& worker, int key);
  void Read(Worker& worker, int key);
  std::string Call(Worker& worker, const Words& command);
  // nullptr: nobody can be reached now.
  Client* NextClient(Worker& worker);
  // The node ends, or has left: clients go to another one.
  bool IsOfNodeThatEnds(int node, const std::string& reply) const;
  bool IsFine(int key, const std::string& reply) const;
  void Note(std::vector<std::string>& list, std::string text);

  ServerCluster& nodes_;
  const Options options_;
  std::vector<Key> keys_;
  std::array<std::atomic<int>, kMostNodes> ports_{};  // 0: not to be used
  std::array<std::atomic<bool>, kMostNodes> leaves_{};
  std::atomic<int> phase_ = 0;
  std::atomic<bool> stop_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex mutex_;  // of what follows
  std::vector<std::string> losses_;
  std::vector<std::string> errors_;
  std::atomic<int> broken_ = 0;
};

}  // namespace cartwheel
