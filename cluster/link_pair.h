// The two connections between this node and one peer: ours, on which we speak, and theirs.
//
// They are up together: while both are established, with the same start of the peer. So whoever
// hears from a peer can answer it, and what was asked of a process that died is given up even when
// the next one is already there.
#pragma once

#include <cstdint>
#include <optional>

namespace cartwheel::cluster {

class LinkPair {
 public:
  // Two starts of a node that both live are a cloned data directory, or one node-id used twice; one
  // that was heard less than this ago lives. After a machine was lost its old connection may seem
  // open for long: it must not keep the node out for longer than this.
  static constexpr int64_t kAliveUs = 5'000'000;

  enum class Verdict : uint8_t {
    kGood,
    kReplacesOther,  // the peer has started anew: close the connection of the other direction
    kCloned,         // close the one that asks; what was there stays
  };

  // The Hello of the peer on a connection of that direction. One that was there before in the same
  // direction is to be closed unless it is kCloned.
  Verdict OnIncoming(uint64_t boot_nonce, int64_t now_us);
  Verdict OnOutgoing(uint64_t boot_nonce, int64_t now_us);
  void LostIncoming() { incoming_.reset(); }
  void LostOutgoing() { outgoing_.reset(); }
  // Bytes came in on theirs.
  void Heard(int64_t now_us) { heard_us_ = now_us; }

  bool has_incoming() const { return incoming_.has_value(); }
  bool up() const { return incoming_.has_value() && incoming_ == outgoing_; }

 private:
  // Whether theirs is of another start than `boot_nonce`, which still runs.
  bool AnotherRuns(uint64_t boot_nonce, int64_t now_us) const;

  // The peer's boot nonce, of the connections that are established.
  std::optional<uint64_t> incoming_;
  std::optional<uint64_t> outgoing_;
  int64_t heard_us_ = 0;  // on theirs
};

}  // namespace cartwheel::cluster
