// Brings peers what they missed: goes through the hints of each that can be reached, in key order,
// a bounded number under way, and strikes off what the peer has acknowledged.
//
// What is sent is the record as it is now, which includes all that it was when the hint was made.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "cluster/hints.h"
#include "cluster/local_store.h"
#include "cluster/message.h"
#include "cluster/node_id.h"
#include "cluster/peers.h"
#include "cluster/ring.h"
#include "cluster/time.h"

namespace cartwheel::cluster {

class HintDelivery {
 public:
  struct Options {
    size_t max_under_way = 64;               // messages to one peer ...
    size_t max_bytes_under_way = 2UL << 20;  // ... and their bytes, about
    int64_t retry_us = 1'000'000;            // after a refusal
    int64_t timeout_us = 5'000'000;          // without an answer
  };
  // What sets a delivery's id apart from those of requests.
  static constexpr uint64_t kIdBit = uint64_t{1} << 63;
  static bool IsDelivery(RequestId id) { return (static_cast<uint64_t>(id) & kIdBit) != 0; }

  // All outlive it.
  HintDelivery(LocalStore& store, const Ring& ring, Peers& peers, const Options& options)
      : store_(store), ring_(ring), peers_(peers), options_(options) {}

  // Sends what there is room for. Changes the store, for hints that have nothing to bring.
  void OnTime(int64_t now_us);
  // Begins again: with the link went what was under way.
  void PeerDown(NodeId peer);
  // The peer's answer to a delivery; changes the store. False: to none that is under way.
  bool Answered(NodeId from, const ReplicateReply& reply, int64_t now_us);
  // INT64_MAX: nothing to do.
  int64_t NextDeadline() const { return next_us_; }
  // There are new hints, or a peer can be reached again.
  void Wake(int64_t now_us) { next_us_ = now_us < next_us_ ? now_us : next_us_; }

 private:
  struct UnderWay {
    NodeId target;
    Hint hint;
    size_t bytes;
    bool sent_again;  // to the actor that the first answer named
  };
  struct Target {
    std::string after;  // the last store key sent
    size_t under_way = 0;
    size_t bytes = 0;
    int64_t not_before_us = 0;
    int64_t last_answer_us = 0;
  };

  void SendTo(NodeId node, Target& target, int64_t now_us);
  std::optional<size_t> Send(NodeId node, const Hint& hint, RequestId id);

  LocalStore& store_;
  const Ring& ring_;
  Peers& peers_;
  Options options_;
  std::map<NodeId, Target> targets_;
  std::map<RequestId, UnderWay> under_way_;
  uint64_t next_id_ = 1;
  int64_t next_us_ = INT64_MAX;
};

}  // namespace cartwheel::cluster
