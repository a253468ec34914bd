#include "cluster/hint_delivery.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cluster/any_record.h"
#include "cluster/store_key.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

// Looked at in one go; the rest of a window follows with the answers.
constexpr size_t kHintsPerLook = 32;
// About what a copy takes beside its values.
constexpr size_t kCopyOverhead = 128;

}  // namespace

void HintDelivery::OnTime(int64_t now_us) {
  next_us_ = INT64_MAX;
  for (const auto& [node, waiting] : store_.hints().waiting()) {
    if (peers_.IsHealthy(node)) {
      SendTo(node, targets_[node], now_us);
    } else {
      Wake(now_us + options_.retry_us);
    }
  }
}

void HintDelivery::SendTo(NodeId node, Target& target, int64_t now_us) {
  if (target.under_way > 0 && now_us - target.last_answer_us >= options_.timeout_us) {
    PeerDown(node);  // it does not answer: as if the link had broken
    target.not_before_us = now_us + options_.retry_us;
  }
  if (now_us < target.not_before_us) return Wake(target.not_before_us);
  while (target.under_way < options_.max_under_way && target.bytes < options_.max_bytes_under_way) {
    const std::vector<Hint> hints = store_.hints().Next(node, target.after, kHintsPerLook);
    if (hints.empty()) break;
    if (target.under_way == 0) target.last_answer_us = now_us;
    for (const Hint& hint : hints) {
      target.after = hint.store_key;
      const RequestId id{kIdBit | next_id_++};
      const auto bytes = Send(node, hint, id);
      if (!bytes) {
        store_.HintDelivered(hint);
        continue;
      }
      if (IsPlanted(Mutation::kDropsHintsWhenSent)) store_.HintDelivered(hint);
      under_way_.emplace(id, UnderWay{node, hint, *bytes, false});
      ++target.under_way;
      target.bytes += *bytes;
    }
  }
  if (target.under_way > 0) return Wake(target.last_answer_us + options_.timeout_us);
  // All that there was has been gone through; what was refused, or came since, is next.
  target.after.clear();
  if (store_.hints().waiting().contains(node)) Wake(now_us + options_.retry_us);
}

// nullopt: there is nothing to bring.
std::optional<size_t> HintDelivery::Send(NodeId node, const Hint& hint, RequestId id) {
  const auto parts = DecodeStoreKey(hint.store_key);
  if (!parts) return std::nullopt;
  const KeyRef ref{parts->database, parts->key};
  const auto container = store_.ReadContainer(ref);
  if (!container || (*container)->context.empty()) return std::nullopt;
  const Partition partition = PartitionOf(parts->slot);
  DotList dots = hint.dots;
  const auto gone = [&](Dot dot) { return !(*container)->context.Covers(dot); };
  dots.erase(std::remove_if(dots.begin(), dots.end(), gone), dots.end());
  peers_.Send(node, Replicate{.id = id,
                              .ref = ref,
                              .epoch = ring_.EpochOf(partition),
                              .target = peers_.ActorAt(node, partition),
                              .dots = dots,
                              .container = **container});
  return kCopyOverhead + BytesOf(**container);
}

void HintDelivery::PeerDown(NodeId peer) {
  std::erase_if(under_way_, [peer](const auto& entry) { return entry.second.target == peer; });
  Target& target = targets_[peer];
  target.under_way = 0;
  target.bytes = 0;
  target.after.clear();
}

bool HintDelivery::Answered(NodeId from, const ReplicateReply& reply, int64_t now_us) {
  const auto found = under_way_.find(reply.id);
  if (found == under_way_.end() || found->second.target != from) return false;
  UnderWay& delivery = found->second;
  Target& target = targets_[from];
  target.last_answer_us = now_us;
  if (const auto parts = DecodeStoreKey(delivery.hint.store_key)) {
    peers_.LearnActor(from, PartitionOf(parts->slot), reply.actor);
  }
  if (reply.refusal == Refusal::kWrongActor && !std::exchange(delivery.sent_again, true) &&
      Send(from, delivery.hint, reply.id)) {
    return true;
  }
  const UnderWay over = std::move(delivery);
  under_way_.erase(found);
  --target.under_way;
  target.bytes -= over.bytes;
  if (reply.refusal == Refusal::kNone) {
    store_.HintDelivered(over.hint);
  } else if (reply.refusal != Refusal::kWrongActor) {
    target.not_before_us = now_us + options_.retry_us;
  }
  SendTo(from, target, now_us);
  return true;
}

}  // namespace cartwheel::cluster
