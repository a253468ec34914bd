// Messages to bytes.
#include "cluster/message_codec.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cluster/message_fields.h"

namespace cartwheel::cluster {
namespace {

using Writer = MessageWriter;

Told ToldBy(const ReadReply& message) {
  if (message.as_known) return Told::kAsKnown;
  return message.container ? Told::kContainer : Told::kNothing;
}

// `container`: one, or its form in a message.
template <typename Container>
bool AppendReplicate(const Replicate& head, const Container& container, std::string& out) {
  return Writer(out)
      .Name(head.id)
      .Key(head.ref)
      .Varint(head.epoch)
      .Name(head.target)
      .Name(head.hint_for)
      .U8(head.wants_durable ? 1 : 0)
      .Dots(head.dots)
      .Value(container)
      .End(MessageType::kReplicate);
}

std::string EncodeRecords(const std::vector<Fetched::Item>& items) {
  std::string records;
  for (const auto& [ref, container] : items) RecordWriter(records).Append(ref, container);
  return records;
}

void WriteRoots(const std::vector<RootsReply::OfPartition>& roots, Writer& writer) {
  writer.Varint(roots.size());
  for (const auto& [partition, epoch, root] : roots) {
    writer.Little<2>(partition).Varint(epoch).U64(root);
  }
}

}  // namespace

bool AppendFrame(const Hello& message, std::string& out) {
  return Writer(out)
      .Little<2>(message.oldest_protocol)
      .Little<2>(message.newest_protocol)
      .U64(message.cluster_id)
      .Name(message.node)
      .U64(message.boot_nonce)
      .U64(message.epoch)
      .U64(message.capabilities)
      .Little<2>(message.client_port)
      .Bytes(message.client_host)
      .Value(message.challenge)
      .End(MessageType::kHello);
}

bool AppendFrame(const Replicate& message, std::string& out) {
  return AppendReplicate(message, message.container, out);
}

bool AppendFrame(const ReplicateEncoded& message, std::string& out) {
  return AppendReplicate(message.head, message.container, out);
}

bool AppendFrame(const ReplicateReply& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .U8(static_cast<uint8_t>(message.refusal))
      .U8(message.durable ? 1 : 0)
      .Name(message.actor)
      .End(MessageType::kReplicateReply);
}

bool AppendFrame(const Read& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .Key(message.ref)
      .Varint(message.epoch)
      .Dots(message.session_dots)
      .Known(message.known)
      .End(MessageType::kRead);
}

bool AppendFrame(const ReadReply& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id)
      .U8(static_cast<uint8_t>(message.refusal))
      .U8(message.complete ? 1 : 0)
      .Name(message.actor)
      .Dots(message.received)
      .U8(static_cast<uint8_t>(ToldBy(message)));
  if (message.container && !message.as_known) writer.Value(*message.container);
  return writer.End(MessageType::kReadReply);
}

bool AppendFrame(const Forward& message, std::string& out) {
  const Levels& levels = message.levels;
  Writer writer(out);
  writer.U64(message.sequence).U8(message.database).U8(message.resp);
  for (const uint8_t level : {levels.n, levels.r, levels.w, levels.pr, levels.pw, levels.dw}) {
    writer.U8(level);
  }
  writer.Value(message.session).Varint(message.arguments.size());
  for (const std::string_view argument : message.arguments) writer.Bytes(argument);
  return writer.End(MessageType::kForward);
}

bool AppendFrame(const ForwardReply& message, std::string& out) {
  return Writer(out)
      .U64(message.sequence)
      .Value(message.seen)
      .Writes(message.writes)
      .Bytes(message.reply)
      .End(MessageType::kForwardReply);
}

bool AppendFrame(const Ping& message, std::string& out) {
  return Writer(out).U64(message.nonce).End(MessageType::kPing);
}

bool AppendFrame(const Pong& message, std::string& out) {
  return Writer(out).U64(message.nonce).End(MessageType::kPong);
}

bool AppendFrame(const TellReceived& message, std::string& out) {
  Writer writer(out);
  writer.Varint(message.partitions.size());
  for (const auto& [partition, epoch, told] : message.partitions) {
    writer.Little<2>(partition).Varint(epoch).Value(told);
  }
  return writer.End(MessageType::kTellReceived);
}

bool AppendFrame(const ListKeys& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .Varint(message.epoch)
      .U8(message.database)
      .U64(message.from)
      .U64(message.until)
      .Varint(message.count)
      .End(MessageType::kListKeys);
}

bool AppendFrame(const KeyList& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id)
      .Varint(message.epoch)
      .U8(message.complete ? 1 : 0)
      .Varint(message.database_keys)
      .U64(message.next)
      .Varint(message.keys.size());
  for (const std::string_view key : message.keys) writer.Bytes(key);
  return writer.End(MessageType::kKeyList);
}

bool AppendFrame(const AskReceived& message, std::string& out) {
  return Writer(out).Name(message.id).Writes(message.writes).End(MessageType::kAskReceived);
}

bool AppendFrame(const ReceivedReply& message, std::string& out) {
  return Writer(out).Name(message.id).Partitions(message.held).End(MessageType::kReceivedReply);
}

bool AppendFrame(const Published& message, std::string& out) {
  return Writer(out)
      .U8(message.shard ? 1 : 0)
      .Bytes(message.channel)
      .Bytes(message.message)
      .End(MessageType::kPublished);
}

bool AppendFrame(const MemberNews& message, std::string& out) {
  Writer writer(out);
  writer.U64(message.epoch)
      .U8(message.holds_keys ? 1 : 0)
      .U8(message.drained ? 1 : 0)
      .Varint(message.keys)
      .Varint(message.bytes)
      .Varint(message.arrived.size());
  for (const Partition partition : message.arrived) writer.Little<2>(partition);
  return writer.Bytes(message.trouble).End(MessageType::kMemberNews);
}

bool AppendFrame(const Fetch& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .Little<2>(message.partition)
      .Varint(message.epoch)
      .Varint(message.max_bytes)
      .Bytes(message.after)
      .Value(message.known)
      .End(MessageType::kFetch);
}

bool AppendFrame(const Fetched& message, std::string& out) {
  const std::string records = EncodeRecords(message.items);
  return AppendFrame(FetchedEncoded{message, message.items.size(), records}, out);
}

bool AppendFrame(const FetchedEncoded& message, std::string& out) {
  const Fetched& head = message.head;
  Writer writer(out);
  writer.Name(head.id).U8(static_cast<uint8_t>(head.refusal)).U8(head.last ? 1 : 0);
  if (head.refusal == Refusal::kNone) {
    writer.Value(head.word).Bytes(head.next).Varint(message.count).Value(message.records);
  }
  return writer.End(MessageType::kFetched);
}

bool AppendFrame(const AskWord& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .Little<2>(message.partition)
      .Varint(message.epoch)
      .End(MessageType::kAskWord);
}

// ---- comparisons

bool AppendFrame(const AskTree& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .Little<2>(message.partition)
      .Varint(message.epoch)
      .Name(message.actor)
      .Varint(message.leaves)
      .U64(message.root)
      .Numbers(message.branches)
      .End(MessageType::kAskTree);
}

bool AppendFrame(const TreeReply& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id).U8(static_cast<uint8_t>(message.refusal));
  if (message.refusal == Refusal::kNone) {
    writer.Name(message.actor).Varint(message.leaves).Digests(message.digests);
  }
  return writer.End(MessageType::kTreeReply);
}

bool AppendFrame(const AskKeys& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .Little<2>(message.partition)
      .Varint(message.epoch)
      .Varint(message.leaves)
      .U8(message.equal ? 1 : 0)
      .Numbers(message.numbers)
      .End(MessageType::kAskKeys);
}

bool AppendFrame(const KeysReply& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id).U8(static_cast<uint8_t>(message.refusal));
  if (message.refusal == Refusal::kNone) {
    writer.Varint(message.keys.size());
    for (const KeyDigest& key : message.keys) writer.U64(key.id).U64(key.digest);
  }
  return writer.End(MessageType::kKeysReply);
}

bool AppendFrame(const Swap& message, std::string& out) {
  const std::string records = EncodeRecords(message.items);
  return AppendFrame(SwapEncoded{message, message.items.size(), records}, out);
}

bool AppendFrame(const SwapEncoded& message, std::string& out) {
  const Swap& head = message.head;
  return Writer(out)
      .Name(head.id)
      .Little<2>(head.partition)
      .Varint(head.epoch)
      .Digests(head.wanted)
      .Varint(message.count)
      .Value(message.records)
      .End(MessageType::kSwap);
}

bool AppendFrame(const Swapped& message, std::string& out) {
  const std::string records = EncodeRecords(message.items);
  return AppendFrame(SwappedEncoded{message, message.items.size(), records}, out);
}

bool AppendFrame(const SwappedEncoded& message, std::string& out) {
  const Swapped& head = message.head;
  Writer writer(out);
  writer.Name(head.id).U8(static_cast<uint8_t>(head.refusal));
  if (head.refusal == Refusal::kNone) writer.Varint(message.count).Value(message.records);
  return writer.End(MessageType::kSwapped);
}

bool AppendFrame(const AskRoots& message, std::string& out) {
  return Writer(out).Name(message.id).End(MessageType::kAskRoots);
}

bool AppendFrame(const RootsReply& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id);
  WriteRoots(message.roots, writer);
  return writer.End(MessageType::kRootsReply);
}

bool AppendFrame(const SameRoots& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id);
  WriteRoots(message.roots, writer);
  return writer.End(MessageType::kSameRoots);
}

bool AppendFrame(const OtherRoots& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id);
  for (const auto* list : {&message.partitions, &message.not_yet}) {
    writer.Varint(list->size());
    for (const Partition partition : *list) writer.Little<2>(partition);
  }
  return writer.End(MessageType::kOtherRoots);
}

bool AppendFrame(const AskDigests& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .Little<2>(message.partition)
      .Varint(message.epoch)
      .Varint(message.leaves)
      .Numbers(message.numbers)
      .End(MessageType::kAskDigests);
}

bool AppendFrame(const Digests& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id).U8(static_cast<uint8_t>(message.refusal));
  if (message.refusal == Refusal::kNone) {
    writer.Digests(message.leaves).Varint(message.keys.size());
    for (const auto& [ref, digest] : message.keys) writer.Key(ref).U64(digest);
  }
  return writer.End(MessageType::kDigests);
}

// ---- former actors

bool AppendFrame(const AskFormer& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id).Varint(message.actors.size());
  for (const auto& [partition, epoch, actor] : message.actors) {
    writer.Little<2>(partition).Varint(epoch).Name(actor);
  }
  return writer.End(MessageType::kAskFormer);
}

bool AppendFrame(const FormerReply& message, std::string& out) {
  return Writer(out).Name(message.id).Partitions(message.kept).End(MessageType::kFormerReply);
}

// ---- room

bool AppendFrame(const EvictRequest& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .Little<2>(message.partition)
      .Varint(message.epoch)
      .Varint(message.bytes)
      .End(MessageType::kEvictRequest);
}

bool AppendFrame(const Evict& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id)
      .Little<2>(message.partition)
      .Varint(message.epoch)
      .Varint(message.items.size());
  for (const auto& [ref, dots] : message.items) writer.Key(ref).Dots(dots);
  return writer.End(MessageType::kEvict);
}

bool AppendFrame(const Used& message, std::string& out) {
  Writer writer(out);
  writer.Varint(message.keys.size());
  for (const auto& [hash, level] : message.keys) writer.U64(hash).U8(level);
  return writer.End(MessageType::kUsed);
}

// ---- what members agree on

bool AppendFrame(const RegisterTalk& message, std::string& out) {
  return Writer(out).Bytes(message.bytes).End(MessageType::kRegisterTalk);
}

bool AppendFrame(const JoinTalk& message, std::string& out) {
  return Writer(out).Bytes(message.bytes).End(MessageType::kJoinTalk);
}

bool AppendFrame(const Proof& message, std::string& out) {
  return Writer(out).Value(message.mac).End(MessageType::kProof);
}

bool AppendFrame(const SwimTalk& message, std::string& out) {
  return Writer(out).Bytes(message.bytes).End(MessageType::kSwimTalk);
}

std::optional<uint16_t> CommonProtocol(const Hello& a, const Hello& b) {
  const uint16_t newest = std::min(a.newest_protocol, b.newest_protocol);
  if (newest < std::max(a.oldest_protocol, b.oldest_protocol)) return std::nullopt;
  return newest;
}

}  // namespace cartwheel::cluster
