// Messages from bytes.
#include <algorithm>
#include <string>
#include <utility>

#include "cluster/message_codec.h"
#include "cluster/message_fields.h"

namespace cartwheel::cluster {
namespace {

using Reader = MessageReader;

constexpr uint8_t kOldestResp = 2;
constexpr uint8_t kNewestResp = 3;

// Members of a braced list are read in their order, so the structs' members stand as the fields do.

// It becomes a word of lines that clients read.
bool IsOfHost(char c) {
  return c > ' ' && c <= '~';
}

Hello TakeHello(Reader& in) {
  Hello hello;
  hello.oldest_protocol = static_cast<uint16_t>(in.Little<2>());
  hello.newest_protocol = static_cast<uint16_t>(in.Little<2>());
  hello.cluster_id = in.U64();
  hello.node = in.Name<NodeId>();
  hello.boot_nonce = in.U64();
  hello.epoch = in.U64();
  hello.capabilities = in.U64();
  if (in.ok() && !in.empty()) {  // not of the first nodes
    hello.client_port = static_cast<uint16_t>(in.Little<2>());
    hello.client_host = in.Bytes();
    in.Require(std::ranges::all_of(hello.client_host, IsOfHost));
  }
  if (in.ok() && !in.empty()) {  // not of those that prove nothing
    hello.challenge = in.Fixed<std::tuple_size_v<Challenge>>();
  }
  in.Require(hello.oldest_protocol <= hello.newest_protocol && hello.node != kNoNode);
  return hello;
}

Replicate TakeReplicate(Reader& in) {
  return {.id = in.Name<RequestId>(),
          .ref = in.Key(),
          .epoch = in.Varint(),
          .target = in.Name<ActorId>(),
          .hint_for = in.Name<NodeId>(),
          .wants_durable = in.Flag(),
          .dots = in.Dots(),
          .container = in.Value()};
}

ReplicateReply TakeReplicateReply(Reader& in) {
  return {.id = in.Name<RequestId>(),
          .refusal = in.TakeRefusal(),
          .durable = in.Flag(),
          .actor = in.Name<ActorId>()};
}

Read TakeRead(Reader& in) {
  Read read{.id = in.Name<RequestId>(),
            .ref = in.Key(),
            .epoch = in.Varint(),
            .session_dots = in.Dots(),
            .known = {}};
  if (in.Flag()) read.known = {.low = in.U64(), .high = in.U64()};
  return read;
}

ReadReply TakeReadReply(Reader& in) {
  ReadReply reply{.id = in.Name<RequestId>(),
                  .refusal = in.TakeRefusal(),
                  .complete = in.Flag(),
                  .actor = in.Name<ActorId>(),
                  .received = in.Dots(),
                  .as_known = false,
                  .container = {}};
  const Told told{in.U8()};
  in.Require(told <= Told::kContainer);
  reply.as_known = told == Told::kAsKnown;
  if (told == Told::kContainer) reply.container = in.Value();
  return reply;
}

Levels TakeLevels(Reader& in) {
  const Levels levels{
      .n = in.U8(), .r = in.U8(), .w = in.U8(), .pr = in.U8(), .pw = in.U8(), .dw = in.U8()};
  in.Require(Validate(levels).has_value());
  return levels;
}

Forward TakeForward(Reader& in) {
  Forward forward{.sequence = in.U64(),
                  .database = in.TakeDatabase(),
                  .resp = in.U8(),
                  .levels = TakeLevels(in),
                  .session = in.TakeSeen(),
                  .arguments = {}};
  in.Require(forward.resp >= kOldestResp && forward.resp <= kNewestResp);
  uint64_t left = in.Varint();
  in.Require(left > 0);
  for (; left > 0 && in.ok(); --left) forward.arguments.push_back(in.Bytes());
  return forward;
}

ForwardReply TakeForwardReply(Reader& in) {
  const uint64_t sequence = in.U64();
  Seen seen = in.TakeSeen();
  std::vector<WriteRange> writes = in.Writes();
  return {.sequence = sequence,
          .reply = in.Bytes(),
          .seen = std::move(seen),
          .writes = std::move(writes)};
}

OwnerWord TakeOwnerWord(Reader& in) {
  OwnerWord told{.actor = in.Name<ActorId>(),
                 .counter = in.Varint(),
                 .rebuilding = in.Flag(),
                 .received = in.Received()};
  in.Require(told.actor != ActorId{} && told.counter <= kMaxDotNumber);
  return told;
}

TellReceived TakeTellReceived(Reader& in) {
  TellReceived message;
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const Partition partition = in.TakePartition();
    const uint64_t epoch = in.Varint();
    OwnerWord told = TakeOwnerWord(in);
    if (in.ok()) message.partitions.push_back({partition, epoch, std::move(told)});
  }
  return message;
}

ListKeys TakeListKeys(Reader& in) {
  const ListKeys message{.id = in.Name<RequestId>(),
                         .epoch = in.Varint(),
                         .database = in.TakeDatabase(),
                         .from = in.U64(),
                         .until = in.U64(),
                         .count = in.Varint()};
  in.Require(message.from < message.until && message.until <= kEndPlace);
  return message;
}

KeyList TakeKeyList(Reader& in) {
  KeyList message{.id = in.Name<RequestId>(),
                  .epoch = in.Varint(),
                  .complete = in.Flag(),
                  .database_keys = in.Varint(),
                  .next = in.U64(),
                  .keys = {}};
  in.Require(message.next <= kEndPlace);
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) message.keys.push_back(in.Bytes());
  return message;
}

Published TakePublished(Reader& in) {
  return {.shard = in.Flag(), .channel = in.Bytes(), .message = in.Bytes()};
}

MemberNews TakeMemberNews(Reader& in) {
  MemberNews news{.epoch = in.U64(),
                  .holds_keys = in.Flag(),
                  .drained = in.Flag(),
                  .keys = in.Varint(),
                  .bytes = in.Varint()};
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const Partition partition = in.TakePartition();
    in.Require(news.arrived.empty() || news.arrived.back() < partition);
    if (in.ok()) news.arrived.push_back(partition);
  }
  news.trouble = in.Bytes();
  // It becomes a part of lines that people read.
  in.Require(std::ranges::all_of(news.trouble, [](char c) { return c >= ' ' && c <= '~'; }));
  return news;
}

Fetch TakeFetch(Reader& in) {
  return {.id = in.Name<RequestId>(),
          .partition = in.TakePartition(),
          .epoch = in.Varint(),
          .max_bytes = in.Varint(),
          .after = in.Bytes(),
          .known = in.Received()};
}

std::vector<Fetched::Item> TakeRecords(Reader& in) {
  std::vector<Fetched::Item> items;
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const KeyRef ref = in.Key();
    Container container = in.Value();
    if (in.ok()) items.push_back({ref, std::move(container)});
  }
  return items;
}

Fetched TakeFetched(Reader& in) {
  Fetched message{.id = in.Name<RequestId>(), .refusal = in.TakeRefusal(), .last = in.Flag()};
  if (message.refusal != Refusal::kNone) return message;
  message.word = TakeOwnerWord(in);
  message.next = in.Bytes();
  message.items = TakeRecords(in);
  return message;
}

AskWord TakeAskWord(Reader& in) {
  return {.id = in.Name<RequestId>(), .partition = in.TakePartition(), .epoch = in.Varint()};
}

AskTree TakeAskTree(Reader& in) {
  return {.id = in.Name<RequestId>(),
          .partition = in.TakePartition(),
          .epoch = in.Varint(),
          .actor = in.Name<ActorId>(),
          .leaves = in.Leaves(),
          .root = in.U64(),
          .branches = in.Numbers()};
}

TreeReply TakeTreeReply(Reader& in) {
  TreeReply message{.id = in.Name<RequestId>(), .refusal = in.TakeRefusal()};
  if (message.refusal != Refusal::kNone) return message;
  message.actor = in.Name<ActorId>();
  message.leaves = in.Leaves();
  message.digests = in.Digests();
  return message;
}

AskKeys TakeAskKeys(Reader& in) {
  return {.id = in.Name<RequestId>(),
          .partition = in.TakePartition(),
          .epoch = in.Varint(),
          .leaves = in.Leaves(),
          .equal = in.Flag(),
          .numbers = in.Numbers()};
}

KeysReply TakeKeysReply(Reader& in) {
  KeysReply message{.id = in.Name<RequestId>(), .refusal = in.TakeRefusal()};
  if (message.refusal != Refusal::kNone) return message;
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const KeyDigest key{.id = in.U64(), .digest = in.U64()};
    if (in.ok()) message.keys.push_back(key);
  }
  return message;
}

Swap TakeSwap(Reader& in) {
  return {.id = in.Name<RequestId>(),
          .partition = in.TakePartition(),
          .epoch = in.Varint(),
          .wanted = in.Digests(),
          .items = TakeRecords(in)};
}

Swapped TakeSwapped(Reader& in) {
  Swapped message{.id = in.Name<RequestId>(), .refusal = in.TakeRefusal()};
  if (message.refusal == Refusal::kNone) message.items = TakeRecords(in);
  return message;
}

Evict TakeEvict(Reader& in) {
  Evict message{.id = in.Name<RequestId>(), .partition = in.TakePartition(), .epoch = in.Varint()};
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    Evict::Item item{.ref = in.Key(), .dots = in.Dots()};
    if (in.ok()) message.items.push_back(std::move(item));
  }
  return message;
}

Used TakeUsed(Reader& in) {
  Used message;
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const Used::Key key{.hash = in.U64(), .level = in.U8()};
    if (in.ok()) message.keys.push_back(key);
  }
  return message;
}

std::vector<RootsReply::OfPartition> TakeRoots(Reader& in) {
  std::vector<RootsReply::OfPartition> roots;
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const RootsReply::OfPartition root{
        .partition = in.TakePartition(), .epoch = in.Varint(), .root = in.U64()};
    if (in.ok()) roots.push_back(root);
  }
  return roots;
}

RootsReply TakeRootsReply(Reader& in) {
  const auto id = in.Name<RequestId>();
  return {.id = id, .roots = TakeRoots(in)};
}

SameRoots TakeSameRoots(Reader& in) {
  const auto id = in.Name<RequestId>();
  return {.id = id, .roots = TakeRoots(in)};
}

OtherRoots TakeOtherRoots(Reader& in) {
  OtherRoots message{.id = in.Name<RequestId>()};
  for (auto* list : {&message.partitions, &message.not_yet}) {
    for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
      const Partition partition = in.TakePartition();
      if (in.ok()) list->push_back(partition);
    }
  }
  return message;
}

AskDigests TakeAskDigests(Reader& in) {
  return {.id = in.Name<RequestId>(),
          .partition = in.TakePartition(),
          .epoch = in.Varint(),
          .leaves = in.Leaves(),
          .numbers = in.Numbers()};
}

Digests TakeDigests(Reader& in) {
  Digests message{.id = in.Name<RequestId>(), .refusal = in.TakeRefusal()};
  if (message.refusal != Refusal::kNone) return message;
  message.leaves = in.Digests();
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const Digests::OfKey key{.ref = in.Key(), .digest = in.U64()};
    if (in.ok()) message.keys.push_back(key);
  }
  return message;
}

AskReceived TakeAskReceived(Reader& in) {
  return {.id = in.Name<RequestId>(), .writes = in.Writes()};
}

ReceivedReply TakeReceivedReply(Reader& in) {
  return {.id = in.Name<RequestId>(), .held = in.Partitions()};
}

AskFormer TakeAskFormer(Reader& in) {
  AskFormer message{.id = in.Name<RequestId>()};
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const AskFormer::Actor actor{
        .partition = in.TakePartition(), .epoch = in.Varint(), .actor = in.Name<ActorId>()};
    in.Require(actor.actor != ActorId{});
    if (in.ok()) message.actors.push_back(actor);
  }
  return message;
}

FormerReply TakeFormerReply(Reader& in) {
  return {.id = in.Name<RequestId>(), .kept = in.Partitions()};
}

// Into `out`, so that what was read is not moved from hand to hand.
void Take(MessageType type, uint8_t raw_type, Reader& in, Message& out) {
  switch (type) {
    case MessageType::kHello: out.emplace<Hello>(TakeHello(in)); return;
    case MessageType::kReplicate: out.emplace<Replicate>(TakeReplicate(in)); return;
    case MessageType::kReplicateReply: out.emplace<ReplicateReply>(TakeReplicateReply(in)); return;
    case MessageType::kRead: out.emplace<Read>(TakeRead(in)); return;
    case MessageType::kReadReply: out.emplace<ReadReply>(TakeReadReply(in)); return;
    case MessageType::kForward: out.emplace<Forward>(TakeForward(in)); return;
    case MessageType::kForwardReply: out.emplace<ForwardReply>(TakeForwardReply(in)); return;
    case MessageType::kPing: out.emplace<Ping>(in.U64()); return;
    case MessageType::kPong: out.emplace<Pong>(in.U64()); return;
    case MessageType::kTellReceived: out.emplace<TellReceived>(TakeTellReceived(in)); return;
    case MessageType::kListKeys: out.emplace<ListKeys>(TakeListKeys(in)); return;
    case MessageType::kKeyList: out.emplace<KeyList>(TakeKeyList(in)); return;
    case MessageType::kPublished: out.emplace<Published>(TakePublished(in)); return;
    case MessageType::kMemberNews: out.emplace<MemberNews>(TakeMemberNews(in)); return;
    case MessageType::kRegisterTalk: out.emplace<RegisterTalk>(in.Bytes()); return;
    case MessageType::kJoinTalk: out.emplace<JoinTalk>(in.Bytes()); return;
    case MessageType::kProof: out.emplace<Proof>(in.Fixed<std::tuple_size_v<Mac>>()); return;
    case MessageType::kSwimTalk: out.emplace<SwimTalk>(in.Bytes()); return;
    case MessageType::kAskReceived: out.emplace<AskReceived>(TakeAskReceived(in)); return;
    case MessageType::kReceivedReply: out.emplace<ReceivedReply>(TakeReceivedReply(in)); return;
    case MessageType::kFetch: out.emplace<Fetch>(TakeFetch(in)); return;
    case MessageType::kFetched: out.emplace<Fetched>(TakeFetched(in)); return;
    case MessageType::kAskWord: out.emplace<AskWord>(TakeAskWord(in)); return;
    case MessageType::kAskTree: out.emplace<AskTree>(TakeAskTree(in)); return;
    case MessageType::kTreeReply: out.emplace<TreeReply>(TakeTreeReply(in)); return;
    case MessageType::kAskKeys: out.emplace<AskKeys>(TakeAskKeys(in)); return;
    case MessageType::kKeysReply: out.emplace<KeysReply>(TakeKeysReply(in)); return;
    case MessageType::kSwap: out.emplace<Swap>(TakeSwap(in)); return;
    case MessageType::kSwapped: out.emplace<Swapped>(TakeSwapped(in)); return;
    case MessageType::kAskRoots: out.emplace<AskRoots>(AskRoots{in.Name<RequestId>()}); return;
    case MessageType::kRootsReply: out.emplace<RootsReply>(TakeRootsReply(in)); return;
    case MessageType::kEvictRequest:
      out.emplace<EvictRequest>(EvictRequest{.id = in.Name<RequestId>(),
                                             .partition = in.TakePartition(),
                                             .epoch = in.Varint(),
                                             .bytes = in.Varint()});
      return;
    case MessageType::kEvict: out.emplace<Evict>(TakeEvict(in)); return;
    case MessageType::kUsed: out.emplace<Used>(TakeUsed(in)); return;
    case MessageType::kSameRoots: out.emplace<SameRoots>(TakeSameRoots(in)); return;
    case MessageType::kOtherRoots: out.emplace<OtherRoots>(TakeOtherRoots(in)); return;
    case MessageType::kAskDigests: out.emplace<AskDigests>(TakeAskDigests(in)); return;
    case MessageType::kDigests: out.emplace<Digests>(TakeDigests(in)); return;
    case MessageType::kAskFormer: out.emplace<AskFormer>(TakeAskFormer(in)); return;
    case MessageType::kFormerReply: out.emplace<FormerReply>(TakeFormerReply(in)); return;
  }
  out.emplace<UnknownMessage>(raw_type);
}

}  // namespace

size_t LookAhead(std::string_view input, size_t count, std::vector<KeyRef>& keys) {
  keys.clear();
  size_t frames = 0;
  for (; frames < count; ++frames) {
    const auto frame = PeekFrame(input);
    if (!frame) break;
    const MessageType type{frame->type};
    if (type == MessageType::kReplicate || type == MessageType::kRead) {
      Reader in(frame->payload);
      in.U64();
      const KeyRef key = in.Key();
      if (!in.ok()) break;
      keys.push_back(key);
    }
    input.remove_prefix(kFrameHead + frame->payload.size());
  }
  return frames;
}

std::expected<Message, std::string> DecodeMessage(const Frame& frame) {
  std::expected<Message, std::string> message;
  Reader in(frame.payload);
  Take(MessageType{frame.type}, frame.type, in, *message);
  const bool may_have_more =
      std::holds_alternative<Hello>(*message) || std::holds_alternative<UnknownMessage>(*message);
  if (!may_have_more) in.Require(in.empty());
  if (!in.ok()) {
    message = std::unexpected("an ill-formed " + std::string(NameOf(MessageType{frame.type})) +
                              " of " + std::to_string(frame.payload.size()) + " bytes");
  }
  return message;  // one object, so that nothing is moved
}

}  // namespace cartwheel::cluster
