// Messages as frames. A message has one encoded form in a version of the protocol, and what is not
// exactly that is refused; only a Hello may end with what a later version added.
//
//   Hello           1  u16 oldest, u16 newest, u64 cluster, u64 node, u64 nonce, u64 epoch,
//                      u64 capabilities, u16 client port, bytes client host,
//                      16 bytes challenge, ...
//   Replicate       2  u64 id, key, varint epoch, u64 actor, u64 hint_for, u8 wants_durable, dots,
//   container ReplicateReply  3  u64 id, u8 refusal, u8 durable, u64 actor Read            4  u64
//   id, key, varint epoch, dots, u8 known, [u64 low, u64 high] ReadReply       5  u64 id, u8
//   refusal, u8 complete, u64 actor, dots,
//                      u8 0 no record, 1 as known, 2: container
//   Forward         6  u64 sequence, u8 database, u8 resp, u8 n, r, w, pr, pw, dw, seen,
//                      varint number of arguments, of each: bytes
//   ForwardReply    7  u64 sequence, seen, bytes
//   Ping, Pong    8 9  u64 nonce
//   TellReceived   10  varint number of partitions, of each: u16 partition, varint epoch, word
//   ListKeys       11  u64 id, varint epoch, u8 database, u64 from, u64 until, varint count
//   KeyList        12  u64 id, varint epoch, u8 complete, varint keys of the database, u64 next,
//   varint number
//                      of keys, of each: bytes
//   Published      13  u8 shard, bytes channel, bytes message
//   MemberNews     14  u64 epoch, u8 holds keys, u8 drained, varint keys, varint bytes of them,
//                      varint number of partitions arrived, of each: u16; bytes trouble
//   RegisterTalk   15  bytes, as register_codec.h says
//   JoinTalk       16  bytes, as join.h says
//   Proof          17  32 bytes, as link_proof.h says
//   SwimTalk       18  bytes, as swim_codec.h says
//   AskReceived    19  u64 id, writes
//   ReceivedReply  20  u64 id, varint number of partitions, of each: u16
//   Fetch          21  u64 id, u16 partition, varint epoch, varint most bytes, bytes after,
//                      received
//   Fetched        22  u64 id, u8 refusal, u8 last, [unless refused: word, bytes next, varint
//                      number of records, of each: key, container]
//   AskWord        23  u64 id, u16 partition, varint epoch
//   AskTree        24  u64 id, u16 partition, varint epoch, varint leaves, u64 root, numbers
//   TreeReply      25  u64 id, u8 refusal, [unless refused: varint leaves, digests]
//   AskKeys        26  u64 id, u16 partition, varint epoch, varint leaves, numbers
//   KeysReply      27  u64 id, u8 refusal, [unless refused: varint number of keys, of each:
//                      u64 id, u64 digest]
//   Swap           28  u64 id, u16 partition, varint epoch, digests (the ids wanted), records
//   Swapped        29  u64 id, u8 refusal, [unless refused: records]
//   AskRoots       30  u64 id
//   RootsReply     31  u64 id, varint number, of each: u16 partition, varint epoch, u64 root
//   EvictRequest   32  u64 id, u16 partition, varint epoch, varint bytes
//   Evict          33  u64 id, u16 partition, varint epoch, varint number, of each: key, dots
//   Used           34  varint number, of each: u64 hash, u8 level
//   SameRoots      35  as RootsReply
//   OtherRoots     36  u64 id, twice: varint number, of each: u16 partition
//   AskDigests     37  u64 id, u16 partition, varint epoch, varint leaves, numbers
//   Digests        38  u64 id, u8 refusal, [unless refused: digests, varint number of keys, of
//                      each: key, u64 digest]
//   AskFormer      39  u64 id, varint number, of each: u16 partition, varint epoch, u64 actor
//   FormerReply    40  as ReceivedReply
//
//   bytes           varint length, the bytes
//   key             u8 database, bytes
//   dots            varint number, of each: u64 actor, varint number
//   container       as EncodeToMessage
//   records         varint number, of each: key, container
//   numbers         varint number, of each: varint distance from the one before, or from 0
//   digests         varint number, of each: u64
//   received        as ReceivedDots::EncodeTo
//   word            u64 actor, varint counter, u8 rebuilding, received
//   seen            a container without versions and resets
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/frame.h"
#include "cluster/message.h"

namespace cartwheel::cluster {

// Append the message's frame. False, and nothing is appended, when it would be over
// kMaxFrameBytes.
bool AppendFrame(const Hello& message, std::string& out);
bool AppendFrame(const Replicate& message, std::string& out);
// A Replicate whose container has its form in a message already (EncodeToMessage): of several that
// differ in nothing else it is encoded once. head.container is not looked at.
struct ReplicateEncoded {
  const Replicate& head;
  std::string_view container;
};
bool AppendFrame(const ReplicateEncoded& message, std::string& out);
bool AppendFrame(const ReplicateReply& message, std::string& out);
bool AppendFrame(const Read& message, std::string& out);
bool AppendFrame(const ReadReply& message, std::string& out);
bool AppendFrame(const Forward& message, std::string& out);
bool AppendFrame(const ForwardReply& message, std::string& out);
bool AppendFrame(const Ping& message, std::string& out);
bool AppendFrame(const Pong& message, std::string& out);
bool AppendFrame(const TellReceived& message, std::string& out);
bool AppendFrame(const ListKeys& message, std::string& out);
bool AppendFrame(const KeyList& message, std::string& out);
bool AppendFrame(const AskReceived& message, std::string& out);
bool AppendFrame(const ReceivedReply& message, std::string& out);
bool AppendFrame(const Fetch& message, std::string& out);
bool AppendFrame(const Fetched& message, std::string& out);
// A Fetched whose records have their form in a message already (RecordWriter); head.items is not
// looked at.
struct FetchedEncoded {
  const Fetched& head;
  size_t count;
  std::string_view records;
};
bool AppendFrame(const FetchedEncoded& message, std::string& out);
bool AppendFrame(const AskWord& message, std::string& out);
bool AppendFrame(const AskTree& message, std::string& out);
bool AppendFrame(const TreeReply& message, std::string& out);
bool AppendFrame(const AskKeys& message, std::string& out);
bool AppendFrame(const KeysReply& message, std::string& out);
bool AppendFrame(const Swap& message, std::string& out);
bool AppendFrame(const Swapped& message, std::string& out);
// The same with records that have their form in a message already; head.items is not looked at.
struct SwapEncoded {
  const Swap& head;
  size_t count = 0;
  std::string_view records;
};
struct SwappedEncoded {
  const Swapped& head;
  size_t count = 0;
  std::string_view records;
};
bool AppendFrame(const SwapEncoded& message, std::string& out);
bool AppendFrame(const SwappedEncoded& message, std::string& out);
bool AppendFrame(const AskRoots& message, std::string& out);
bool AppendFrame(const RootsReply& message, std::string& out);
bool AppendFrame(const SameRoots& message, std::string& out);
bool AppendFrame(const OtherRoots& message, std::string& out);
bool AppendFrame(const AskDigests& message, std::string& out);
bool AppendFrame(const Digests& message, std::string& out);
bool AppendFrame(const AskFormer& message, std::string& out);
bool AppendFrame(const FormerReply& message, std::string& out);
bool AppendFrame(const EvictRequest& message, std::string& out);
bool AppendFrame(const Evict& message, std::string& out);
bool AppendFrame(const Used& message, std::string& out);
bool AppendFrame(const Published& message, std::string& out);
bool AppendFrame(const MemberNews& message, std::string& out);
bool AppendFrame(const RegisterTalk& message, std::string& out);
bool AppendFrame(const JoinTalk& message, std::string& out);
bool AppendFrame(const Proof& message, std::string& out);
bool AppendFrame(const SwimTalk& message, std::string& out);

// The keys that the next `count` frames of `input` ask for or bring, without decoding them: a hint,
// for whoever wants to have the keys' memory in the processor's cache by then. Replaces `keys` with
// views, and returns how many frames were looked at; what is not whole or not plain ends it.
size_t LookAhead(std::string_view input, size_t count, std::vector<KeyRef>& keys);

// Never trusts the bytes. An error is one line for the log: the peer does not speak the protocol.
std::expected<Message, std::string> DecodeMessage(const Frame& frame);

}  // namespace cartwheel::cluster
