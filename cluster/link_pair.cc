#include "cluster/link_pair.h"

namespace cartwheel::cluster {

LinkPair::Verdict LinkPair::OnIncoming(uint64_t boot_nonce, int64_t now_us) {
  if (AnotherRuns(boot_nonce, now_us)) return Verdict::kCloned;
  incoming_ = boot_nonce;
  heard_us_ = now_us;
  if (!outgoing_ || outgoing_ == incoming_) return Verdict::kGood;
  outgoing_.reset();
  return Verdict::kReplacesOther;
}

LinkPair::Verdict LinkPair::OnOutgoing(uint64_t boot_nonce, int64_t now_us) {
  if (AnotherRuns(boot_nonce, now_us)) return Verdict::kCloned;
  outgoing_ = boot_nonce;
  if (!incoming_ || incoming_ == outgoing_) return Verdict::kGood;
  incoming_.reset();
  return Verdict::kReplacesOther;
}

bool LinkPair::AnotherRuns(uint64_t boot_nonce, int64_t now_us) const {
  return incoming_ && *incoming_ != boot_nonce && now_us - heard_us_ < kAliveUs;
}

}  // namespace cartwheel::cluster
