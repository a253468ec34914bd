// Real Servers that find each other: questions and answers go from one to the other at once, links
// come up between those who take each other for members.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cluster/auto_commit.h"
#include "cluster/frame.h"
#include "cluster/message_codec.h"
#include "server/forming.h"
#include "tests/server/server_tester.h"

namespace cartwheel::server {

inline cluster::NodeAddress AddressOf(size_t node) {
  return {.host = "node-" + std::to_string(node), .port = 17'000};
}

class FormingTester {
 public:
  // So many nodes with the same list, none of which has begun.
  explicit FormingTester(size_t nodes, const Config& config = ServerTester::InMemory(),
                         cluster::AutoCommit auto_commit = cluster::AutoCommit::kWhenEmpty) {
    std::vector<cluster::NodeAddress> seeds;
    for (size_t i = 0; i < nodes; ++i) seeds.push_back(AddressOf(i));
    for (size_t i = 0; i < nodes; ++i) {
      ClusterOptions options;
      options.self = IdOf(i);
      options.levels = {.n = static_cast<uint8_t>(config.dyn_n),
                        .r = static_cast<uint8_t>(config.dyn_r),
                        .w = static_cast<uint8_t>(config.dyn_w)};
      options.client_address = {.host = "", .port = 7000 + static_cast<int>(i)};
      TakeTopology(nullptr, options);
      FormingOptions forming;
      forming.membership.self = IdOf(i);
      forming.membership.boot_nonce = i + 1;
      forming.membership.seeds = seeds;
      forming.membership.address.port = 17'000;
      forming.membership.n = options.levels.n;
      forming.membership.levels = options.levels;
      forming.membership.auto_commit = auto_commit;
      servers_.push_back(std::make_unique<ServerTester>(config, options, forming));
    }
    runs_.resize(nodes);
  }

  static cluster::NodeId IdOf(size_t node) { return cluster::NodeId{100 + node}; }
  ServerTester& at(size_t node) { return *servers_[node]; }
  void Begin(size_t node) {
    if (!runs_[node]) at(node).Advance(passed_us_);
    runs_[node] = true;
  }
  void BeginAll() {
    for (size_t i = 0; i < servers_.size(); ++i) Begin(i);
  }

  // Nobody reaches it, and it reaches nobody; it runs on.
  void CutOff(size_t node) {
    cut_off_.insert(node);
    for (const auto& [a, b] : std::set(links_)) {
      if (a == node || b == node) Break(a, b);
    }
  }
  void Mend() { cut_off_.clear(); }

  void Advance(int64_t microseconds) {
    constexpr int64_t kStepUs = 5'000;
    for (int64_t passed = 0; passed < microseconds; passed += kStepUs) {
      passed_us_ += kStepUs;
      for (size_t i = 0; i < servers_.size(); ++i) {
        if (runs_[i]) at(i).Advance(kStepUs);
      }
      Settle();
    }
  }
  std::string Run(size_t node, const std::string& line) {
    at(node).Receive("client", line + "\r\n");
    std::string bytes;
    for (int i = 0; bytes.empty() && i < 1000; ++i) {
      Settle();
      bytes = at(node).Take("client");
      if (bytes.empty()) Advance(5'000);
    }
    const auto replies = resp::ReadReplies(bytes);
    return replies && replies->size() == 1 ? resp::ToString(replies->front()) : bytes;
  }

 private:
  Forming& forming(size_t node) { return *at(node).server().forming(); }

  void Settle() {
    for (bool busy = true; busy;) {
      busy = false;
      for (size_t i = 0; i < servers_.size(); ++i) {
        if (!runs_[i]) continue;
        at(i).EndTurn();
        busy = Ask(i) || busy;
        for (const auto& [to, bytes] : at(i).server().TakeDatagrams()) {
          const size_t at_node = static_cast<size_t>(to) - 100;
          if (links_.contains(std::minmax(i, at_node))) {
            at(at_node).server().ReceiveDatagram(bytes, at(at_node).now());
          }
        }
        for (auto& [to, bytes] : at(i).TakePeerOutput()) {
          busy = Deliver(i, static_cast<size_t>(to) - 100, bytes) || busy;
        }
      }
      busy = UpdateLinks() || busy;
    }
  }
  bool Ask(size_t from) {
    bool asked = false;
    for (const auto& ask : forming(from).TakeAsks()) {
      asked = true;
      size_t to = 0;
      while (to < servers_.size() && AddressOf(to) != ask.to) ++to;
      if (to == servers_.size() || !runs_[to] || cut_off_.contains(from) ||
          (to != from && cut_off_.contains(to))) {
        forming(from).NotAnswered(ask.to, at(from).now());
        continue;
      }
      const auto reply = forming(to).OnRequest(ask.request, AddressOf(from).host, at(to).now());
      forming(from).Replied(ask.to, reply, at(from).now());
    }
    return asked;
  }
  // Between those who list each other.
  bool UpdateLinks() {
    bool changed = false;
    for (size_t a = 0; a < servers_.size(); ++a) {
      for (size_t b = a + 1; b < servers_.size(); ++b) {
        const bool reach = !cut_off_.contains(a) && !cut_off_.contains(b);
        const bool wanted = reach && runs_[a] && runs_[b] && Lists(a, b) && Lists(b, a);
        if (wanted == links_.contains({a, b})) continue;
        changed = true;
        if (!wanted) {
          Break(a, b);
          continue;
        }
        links_.insert({a, b});
        at(a).server().PeerUp(IdOf(b), at(a).now());
        at(b).server().PeerUp(IdOf(a), at(b).now());
      }
    }
    return changed;
  }
  void Break(size_t a, size_t b) {
    links_.erase({a, b});
    at(a).server().PeerDown(IdOf(b), at(a).now());
    at(b).server().PeerDown(IdOf(a), at(b).now());
  }
  bool Lists(size_t node, size_t other) {
    return at(node).server().gateway()->options().listed.contains(IdOf(other));
  }
  bool Deliver(size_t from, size_t to, std::string_view bytes) {
    if (!links_.contains(std::minmax(from, to))) return false;
    cluster::FrameReader reader;
    while (!bytes.empty()) {
      EXPECT_EQ(reader.Parse(bytes), cluster::FrameReader::Status::kComplete);
      const auto message = cluster::DecodeMessage(reader.frame());
      EXPECT_TRUE(message.has_value());
      if (!message) return false;
      at(to).server().ReceiveFromPeer(IdOf(from), *message, at(to).now());
      bytes.remove_prefix(reader.consumed());
    }
    return true;
  }

  std::vector<std::unique_ptr<ServerTester>> servers_;
  std::vector<bool> runs_;
  int64_t passed_us_ = 0;
  std::set<std::pair<size_t, size_t>> links_;
  std::set<size_t> cut_off_;
};

}  // namespace cartwheel::server
