// Several real Servers that are members of one cluster, over memory engines, in one thread and
// virtual time. Links deliver in order and at once, unless they are cut.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/frame.h"
#include "cluster/message_codec.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {

class ClusterTester {
 public:
  explicit ClusterTester(size_t nodes, const cluster::Levels& levels = {},
                         const Config& config = ServerTester::InMemory(),
                         const std::vector<ClientAddress>& addresses = {}) {
    options_.cluster_id = 1;
    options_.levels = levels;
    for (size_t i = 0; i < nodes; ++i) options_.members.push_back({.node = IdOf(i), .zone = ""});
    for (size_t i = 0; i < nodes; ++i) {
      options_.self = IdOf(i);
      if (i < addresses.size()) options_.client_address = addresses[i];
      servers_.push_back(std::make_unique<ServerTester>(config, options_));
    }
    for (size_t a = 0; a < nodes; ++a) {
      for (size_t b = a + 1; b < nodes; ++b) Heal(a, b);
    }
    Settle();
    // Until they know that none of them has anything.
    constexpr int64_t kFormingUs = 2'000'000;
    Advance(kFormingUs);
  }

  size_t bytes_between_nodes = 0;

  static cluster::NodeId IdOf(size_t node) { return cluster::NodeId{node + 1}; }
  ServerTester& at(size_t node) { return *servers_[node]; }

  // The link breaks, for both.
  void Cut(size_t a, size_t b) {
    if (!links_.erase(std::minmax(a, b))) return;
    at(a).server().PeerDown(IdOf(b), at(a).now());
    at(b).server().PeerDown(IdOf(a), at(b).now());
    Settle();
  }
  void Heal(size_t a, size_t b) {
    if (!links_.insert(std::minmax(a, b)).second) return;
    at(a).server().PeerUp(IdOf(b), at(a).now());
    at(b).server().PeerUp(IdOf(a), at(b).now());
  }
  void CutOff(size_t node) {
    for (size_t other = 0; other < servers_.size(); ++other) {
      if (other != node) Cut(node, other);
    }
  }
  // Its process ends and its disk is gone; in its place another starts with an empty one, cut off.
  void LoseData(size_t node) {
    CutOff(node);
    options_.self = IdOf(node);
    ++options_.boot_nonce;
    const int64_t passed_us = at(node).now().monotonic_us - ServerTester::kStartMonotonicUs;
    servers_[node] = std::make_unique<ServerTester>(ServerTester::InMemory(), options_);
    at(node).Advance(passed_us);
  }
  // The key's owners first, the others behind them.
  std::vector<size_t> NodesFor(std::string_view key) {
    std::vector<size_t> nodes;
    const cluster::Ring& ring = at(0).server().gateway()->node().ring();
    for (const cluster::NodeId node : ring.PreferenceList(cluster::PartitionOfKey(key))) {
      nodes.push_back(static_cast<size_t>(node) - 1);
    }
    return nodes;
  }
  void HealAll() {
    for (size_t a = 0; a < servers_.size(); ++a) {
      for (size_t b = a + 1; b < servers_.size(); ++b) Heal(a, b);
    }
    Settle();
  }
  // Whatever the node says is heard twice, as after a lost connection.
  void SayTwice(size_t node) { says_twice_.insert(node); }
  // It keeps its links, says nothing and hears nothing, as a process that is stopped.
  void Freeze(size_t node) { frozen_.insert(node); }
  void Thaw(size_t node) {
    frozen_.erase(node);
    Settle();
  }

  // Until nobody has anything to say.
  void Settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (size_t from = 0; from < servers_.size(); ++from) {
        if (frozen_.contains(from)) continue;
        at(from).EndTurn();
        for (const auto& [to, bytes] : at(from).server().TakeDatagrams()) {
          busy = DeliverDatagram(from, static_cast<size_t>(to) - 1, bytes) || busy;
        }
        for (auto& [to, bytes] : at(from).TakePeerOutput()) {
          busy = Deliver(from, static_cast<size_t>(to) - 1, bytes) || busy;
          if (says_twice_.contains(from)) Deliver(from, static_cast<size_t>(to) - 1, bytes);
        }
      }
    }
  }

  // All clocks go on, with turns and messages on the way.
  void Advance(int64_t microseconds) {
    constexpr int64_t kStepUs = 5'000;
    for (int64_t passed = 0; passed < microseconds; passed += kStepUs) {
      for (size_t node = 0; node < servers_.size(); ++node) {
        if (!frozen_.contains(node)) at(node).Advance(kStepUs);
      }
      Settle();
    }
  }

  // One command and its reply, however long that takes.
  resp::Reply Ask(size_t node, std::string_view client, std::string_view line) {
    EXPECT_EQ(at(node).Take(client), "") << "unread replies before " << line;
    at(node).Receive(client, std::string(line) + "\r\n");
    Settle();
    std::string bytes = at(node).Take(client);
    for (int i = 0; bytes.empty() && i < 1000; ++i) {
      Advance(5'000);
      bytes = at(node).Take(client);
    }
    const auto replies = resp::ReadReplies(bytes);
    const bool one = replies && replies->size() == 1;
    EXPECT_TRUE(one) << line << " was answered " << bytes;
    return one ? replies->front() : resp::Reply{.text = "(no reply)"};
  }
  std::string Run(size_t node, std::string_view client, std::string_view line) {
    return resp::ToString(Ask(node, client, line));
  }
  std::string Run(size_t node, std::string_view line) { return Run(node, "client", line); }

 private:
  bool DeliverDatagram(size_t from, size_t to, std::string_view bytes) {
    if (!links_.contains(std::minmax(from, to)) || frozen_.contains(to)) return false;
    at(to).server().ReceiveDatagram(bytes, at(to).now());
    return true;
  }
  bool Deliver(size_t from, size_t to, std::string_view bytes) {
    if (!links_.contains(std::minmax(from, to))) return false;
    if (frozen_.contains(to)) return false;
    bytes_between_nodes += bytes.size();
    cluster::FrameReader reader;
    while (!bytes.empty()) {
      const auto status = reader.Parse(bytes);
      EXPECT_EQ(status, cluster::FrameReader::Status::kComplete) << reader.error();
      if (status != cluster::FrameReader::Status::kComplete) return false;
      const auto message = cluster::DecodeMessage(reader.frame());
      EXPECT_TRUE(message.has_value()) << message.error();
      if (!message) return false;
      at(to).server().ReceiveFromPeer(IdOf(from), *message, at(to).now());
      bytes.remove_prefix(reader.consumed());
    }
    return true;
  }

  ClusterOptions options_;
  std::vector<std::unique_ptr<ServerTester>> servers_;
  std::set<std::pair<size_t, size_t>> links_;
  std::set<size_t> frozen_;
  std::set<size_t> says_twice_;
};

}  // namespace cartwheel::server
