#include "cluster/message_codec.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cluster/message_fields.h"

namespace cartwheel::cluster {
namespace {

using Writer = MessageWriter;
using Reader = MessageReader;

// What a replica tells of its record.
enum class Told : uint8_t { kNothing = 0, kAsKnown = 1, kContainer = 2 };

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
  Read read{.id = in.Name<RequestId>(), .ref = in.Key(), .session_dots = in.Dots(), .known = {}};
  if (in.Flag()) read.known = {.low = in.U64(), .high = in.U64()};
  return read;
}

Told ToldBy(const ReadReply& message) {
  if (message.as_known) return Told::kAsKnown;
  return message.container ? Told::kContainer : Told::kNothing;
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
    OwnerWord told = TakeOwnerWord(in);
    if (in.ok()) message.partitions.push_back({partition, std::move(told)});
  }
  return message;
}

ListKeys TakeListKeys(Reader& in) {
  const ListKeys message{.id = in.Name<RequestId>(),
                         .database = in.TakeDatabase(),
                         .from = in.U64(),
                         .until = in.U64(),
                         .count = in.Varint()};
  in.Require(message.from < message.until && message.until <= kEndPlace);
  return message;
}

KeyList TakeKeyList(Reader& in) {
  KeyList message{.id = in.Name<RequestId>(),
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
  return {.epoch = in.U64(), .holds_keys = in.Flag()};
}

AskReceived TakeAskReceived(Reader& in) {
  return {.id = in.Name<RequestId>(), .writes = in.Writes()};
}

ReceivedReply TakeReceivedReply(Reader& in) {
  ReceivedReply message{.id = in.Name<RequestId>()};
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const Partition partition = in.TakePartition();
    in.Require(message.held.empty() || message.held.back() < partition);
    if (in.ok()) message.held.push_back(partition);
  }
  return message;
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
  }
  out.emplace<UnknownMessage>(raw_type);
}

// `container`: one, or its form in a message.
template <typename Container>
bool AppendReplicate(const Replicate& head, const Container& container, std::string& out) {
  return Writer(out)
      .Name(head.id)
      .Key(head.ref)
      .Name(head.target)
      .Name(head.hint_for)
      .U8(head.wants_durable ? 1 : 0)
      .Dots(head.dots)
      .Value(container)
      .End(MessageType::kReplicate);
}

std::string_view NameOf(MessageType type) {
  switch (type) {
    case MessageType::kHello: return "Hello";
    case MessageType::kReplicate: return "Replicate";
    case MessageType::kReplicateReply: return "ReplicateReply";
    case MessageType::kRead: return "Read";
    case MessageType::kReadReply: return "ReadReply";
    case MessageType::kForward: return "Forward";
    case MessageType::kForwardReply: return "ForwardReply";
    case MessageType::kPing: return "Ping";
    case MessageType::kPong: return "Pong";
    case MessageType::kTellReceived: return "TellReceived";
    case MessageType::kListKeys: return "ListKeys";
    case MessageType::kKeyList: return "KeyList";
    case MessageType::kPublished: return "Published";
    case MessageType::kMemberNews: return "MemberNews";
    case MessageType::kRegisterTalk: return "RegisterTalk";
    case MessageType::kJoinTalk: return "JoinTalk";
    case MessageType::kProof: return "Proof";
    case MessageType::kSwimTalk: return "SwimTalk";
    case MessageType::kAskReceived: return "AskReceived";
    case MessageType::kReceivedReply: return "ReceivedReply";
  }
  return "unknown message";
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
  for (const auto& [partition, told] : message.partitions) {
    writer.Little<2>(partition)
        .Name(told.actor)
        .Varint(told.counter)
        .U8(told.rebuilding ? 1 : 0)
        .Value(told.received);
  }
  return writer.End(MessageType::kTellReceived);
}

bool AppendFrame(const ListKeys& message, std::string& out) {
  return Writer(out)
      .Name(message.id)
      .U8(message.database)
      .U64(message.from)
      .U64(message.until)
      .Varint(message.count)
      .End(MessageType::kListKeys);
}

bool AppendFrame(const KeyList& message, std::string& out) {
  Writer writer(out);
  writer.Name(message.id)
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
  Writer writer(out);
  writer.Name(message.id).Varint(message.held.size());
  for (const Partition partition : message.held) writer.Little<2>(partition);
  return writer.End(MessageType::kReceivedReply);
}

bool AppendFrame(const Published& message, std::string& out) {
  return Writer(out)
      .U8(message.shard ? 1 : 0)
      .Bytes(message.channel)
      .Bytes(message.message)
      .End(MessageType::kPublished);
}

bool AppendFrame(const MemberNews& message, std::string& out) {
  return Writer(out)
      .U64(message.epoch)
      .U8(message.holds_keys ? 1 : 0)
      .End(MessageType::kMemberNews);
}

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

std::optional<uint16_t> CommonProtocol(const Hello& a, const Hello& b) {
  const uint16_t newest = std::min(a.newest_protocol, b.newest_protocol);
  if (newest < std::max(a.oldest_protocol, b.oldest_protocol)) return std::nullopt;
  return newest;
}

}  // namespace cartwheel::cluster
