// What a coordinator has done for a gateway: an operation that is asked for again is not done
// again.
//
// Sequences of one start of the gateway only grow; the top bits tell its starts apart. The last
// ones are remembered, with their replies where those are short; what is older than that is taken
// for done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/own_writes.h"
#include "storage/mutation.h"

namespace cartwheel::server {

class RememberedReplies {
 public:
  static constexpr size_t kMost = 4096;
  static constexpr size_t kLongestReply = 1024;
  struct Answer {
    std::string reply;
    std::vector<cluster::WriteRange> writes;  // that were made for it
  };
  // Of a sequence: what counts; the rest names the start.
  static constexpr int kCountBits = 40;
  static uint64_t FirstSequence(uint64_t boot_nonce) { return boot_nonce << kCountBits | 1; }

  // True: it is new, and the caller does it. False: it was done, or is under way.
  bool Begin(uint64_t sequence) {
    if (sequence >> kCountBits != boot_) {
      boot_ = sequence >> kCountBits;
      forgotten_ = 0;
      replies_.clear();
    }
    if (IsPlanted(Mutation::kForwardsTwice)) return true;
    if (sequence <= forgotten_ || !replies_.try_emplace(sequence).second) return false;
    if (replies_.size() > kMost) {
      forgotten_ = replies_.begin()->first;
      replies_.erase(replies_.begin());
    }
    return true;
  }
  void Finish(uint64_t sequence, std::string reply, std::vector<cluster::WriteRange> writes) {
    const auto found = replies_.find(sequence);
    if (found == replies_.end() || reply.size() > kLongestReply) return;
    found->second = {.reply = std::move(reply), .writes = std::move(writes)};
  }
  // nullptr: it is under way, or the reply was long, or it is too old.
  const Answer* Find(uint64_t sequence) const {
    const auto found = replies_.find(sequence);
    return found == replies_.end() || !found->second ? nullptr : &*found->second;
  }

 private:
  uint64_t boot_ = 0;
  uint64_t forgotten_ = 0;  // this one and those before it
  std::map<uint64_t, std::optional<Answer>> replies_;
};

}  // namespace cartwheel::server
