// Members that probe each other in virtual time, over a network that loses and delays datagrams.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <set>
#include <utility>
#include <vector>

#include "cluster/swim.h"
#include "tests/cluster/random.h"

namespace cartwheel::cluster {

class SwimWorld {
 public:
  SwimWorld(size_t nodes, uint64_t seed, const Swim::Options& options = {}) : random_(seed) {
    for (size_t i = 0; i < nodes; ++i) {
      nodes_.push_back(
          std::make_unique<Swim>(IdOf(i), kFirstIncarnation, options, seed * 1000 + i));
    }
    for (size_t i = 0; i < nodes; ++i) nodes_[i]->SetMembers(OthersOf(i), now_us_);
  }

  static NodeId IdOf(size_t node) { return NodeId{node + 1}; }
  static size_t At(NodeId node) { return static_cast<size_t>(node) - 1; }

  Swim& node(size_t at) { return *nodes_[at]; }
  size_t size() const { return nodes_.size(); }
  int64_t now_us() const { return now_us_; }

  void Kill(size_t node) { dead_.insert(node); }
  // As when the connections of others to it break.
  void MakeDoubt(size_t about) {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (i != about) nodes_[i]->Doubt(IdOf(about), now_us_);
    }
  }
  // It neither hears nor does anything; what comes waits, as in the system's buffers.
  void Pause(size_t node) { paused_.insert(node); }
  void Resume(size_t node) { paused_.erase(node); }
  // In both directions, datagrams and connections.
  void Cut(size_t a, size_t b) { cuts_.insert(std::minmax(a, b)); }
  void Mend() { cuts_.clear(); }

  uint64_t lost_percent = 0;  // of datagrams
  int64_t most_delay_us = 2'000;

  struct Notice {
    int64_t at_us;
    size_t by;
    size_t about;
    Health health;
  };
  std::vector<Notice> notices;
  uint64_t datagrams = 0;
  uint64_t over_connections = 0;
  uint64_t rumors = 0;

  void RunFor(int64_t microseconds) {
    const int64_t until_us = now_us_ + microseconds;
    for (; now_us_ < until_us; now_us_ += kStepUs) {
      while (!mail_.empty() && mail_.top().at_us <= now_us_) {
        const Mail mail = mail_.top();
        mail_.pop();
        if (paused_.contains(mail.to)) {
          waiting_[mail.to].push_back(mail);
        } else {
          Deliver(mail);
        }
      }
      for (size_t i = 0; i < nodes_.size(); ++i) {
        if (dead_.contains(i) || paused_.contains(i)) continue;
        for (const Mail& mail : std::exchange(waiting_[i], {})) Deliver(mail);
        if (nodes_[i]->NextDeadline() > now_us_) continue;
        nodes_[i]->OnTime(now_us_);
        Take(i);
      }
    }
  }

  // Whether everybody who lives takes `about` for that.
  bool AllTake(size_t about, Health health) {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (i == about || dead_.contains(i)) continue;
      if (nodes_[i]->HealthOf(IdOf(about)) != health) return false;
    }
    return true;
  }
  bool AllTakeAllForAlive() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (!AllTake(i, Health::kAlive)) return false;
    }
    return true;
  }

 private:
  static constexpr uint64_t kFirstIncarnation = 100;
  static constexpr int64_t kStepUs = 1'000;

  struct Mail {
    int64_t at_us;
    uint64_t number;  // those of one moment come in the order in which they were sent
    size_t from;
    size_t to;
    bool reliably;
    SwimPacket packet;

    bool operator<(const Mail& other) const {
      return std::pair(at_us, number) > std::pair(other.at_us, other.number);
    }
  };

  std::vector<NodeId> OthersOf(size_t node) const {
    std::vector<NodeId> others;
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (i != node) others.push_back(IdOf(i));
    }
    return others;
  }

  void Deliver(const Mail& mail) {
    if (dead_.contains(mail.to) || cuts_.contains(std::minmax(mail.from, mail.to))) return;
    nodes_[mail.to]->On(IdOf(mail.from), mail.packet, mail.reliably, now_us_);
    Take(mail.to);
  }

  void Take(size_t node) {
    for (Swim::Output& output : nodes_[node]->TakeOutputs()) {
      if (const auto* changed = std::get_if<Swim::Changed>(&output)) {
        notices.push_back({now_us_, node, At(changed->node), changed->health});
        continue;
      }
      auto& send = std::get<Swim::Send>(output);
      ++(send.reliably ? over_connections : datagrams);
      rumors += send.packet.rumors.size();
      if (!send.reliably && random_.Percent(lost_percent)) continue;
      const auto delay_us =
          200 + static_cast<int64_t>(random_.Below(static_cast<uint64_t>(most_delay_us)));
      mail_.push({now_us_ + delay_us, next_number_++, node, At(send.to), send.reliably,
                  std::move(send.packet)});
    }
  }

  Random random_;
  std::vector<std::unique_ptr<Swim>> nodes_;
  std::priority_queue<Mail> mail_;
  std::map<size_t, std::vector<Mail>> waiting_;
  std::set<size_t> dead_;
  std::set<size_t> paused_;
  std::set<std::pair<size_t, size_t>> cuts_;
  uint64_t next_number_ = 0;
  int64_t now_us_ = 1'000'000;
};

}  // namespace cartwheel::cluster
