// The fields that messages are made of, as bytes: what message_codec.cc writes and reads them with.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/byte_fields.h"
#include "cluster/container_codec.h"
#include "cluster/frame.h"
#include "cluster/message.h"

namespace cartwheel::cluster {

enum class MessageType : uint8_t {
  kHello = 1,
  kReplicate = 2,
  kReplicateReply = 3,
  kRead = 4,
  kReadReply = 5,
  kForward = 6,
  kForwardReply = 7,
  kPing = 8,
  kPong = 9,
  kTellReceived = 10,
  kListKeys = 11,
  kKeyList = 12,
  kPublished = 13,
  kMemberNews = 14,
  kRegisterTalk = 15,
  kJoinTalk = 16,
  kProof = 17,
  kSwimTalk = 18,
  kAskReceived = 19,
  kReceivedReply = 20,
  kFetch = 21,
  kFetched = 22,
  kAskWord = 23,
  kAskTree = 24,
  kTreeReply = 25,
  kAskKeys = 26,
  kKeysReply = 27,
  kSwap = 28,
  kSwapped = 29,
  kAskRoots = 30,
  kRootsReply = 31,
  kEvictRequest = 32,
  kEvict = 33,
  kUsed = 34,
  kSameRoots = 35,
  kOtherRoots = 36,
  kAskDigests = 37,
  kDigests = 38,
  kAskFormer = 39,
  kFormerReply = 40,
};
// For people.
std::string_view NameOf(MessageType type);

// What a replica tells of its record.
enum class Told : uint8_t { kNothing = 0, kAsKnown = 1, kContainer = 2 };

// Appends a payload, field by field.
class MessageWriter : public FieldWriter<MessageWriter> {
 public:
  explicit MessageWriter(std::string& out) : FieldWriter(out), begin_(BeginFrame(out)) {}

  MessageWriter& Key(const KeyRef& ref) { return U8(ref.database).Bytes(ref.key); }
  MessageWriter& Dots(const DotList& dots) {
    Varint(dots.size());
    for (const Dot dot : dots) Name(dot.actor).Varint(dot.number);
    return *this;
  }
  MessageWriter& Writes(const std::vector<WriteRange>& writes) {
    Varint(writes.size());
    for (const WriteRange& range : writes) {
      Little<2>(range.partition).Name(range.actor).Varint(range.first);
      Varint(range.last - range.first);
    }
    return *this;
  }
  MessageWriter& Partitions(const std::vector<Partition>& partitions) {
    Varint(partitions.size());
    for (const Partition partition : partitions) Little<2>(partition);
    return *this;
  }
  // Ascending.
  MessageWriter& Numbers(const std::vector<uint32_t>& numbers) {
    Varint(numbers.size());
    uint32_t before = 0;
    for (const uint32_t number : numbers) Varint(number - std::exchange(before, number));
    return *this;
  }
  MessageWriter& Digests(const std::vector<uint64_t>& digests) {
    Varint(digests.size());
    for (const uint64_t digest : digests) U64(digest);
    return *this;
  }
  MessageWriter& Known(const std::optional<ContainerDigest>& digest) {
    U8(digest ? 1 : 0);
    return digest ? U64(digest->low).U64(digest->high) : *this;
  }
  template <size_t kBytes>
  MessageWriter& Value(const std::array<uint8_t, kBytes>& bytes) {
    out_.append(bytes.begin(), bytes.end());
    return *this;
  }
  MessageWriter& Value(const Container& container) {
    EncodeToMessage(container, out_);
    return *this;
  }
  MessageWriter& Value(std::string_view encoded) {
    out_.append(encoded);
    return *this;
  }
  MessageWriter& Value(const ReceivedDots& received) {
    received.EncodeTo(out_);
    return *this;
  }
  MessageWriter& Value(const OwnerWord& word) {
    return Name(word.actor).Varint(word.counter).U8(word.rebuilding ? 1 : 0).Value(word.received);
  }
  MessageWriter& Value(const Seen& seen) {
    Container container;
    container.context = seen.context;
    container.counter = seen.counter;
    return Value(container);
  }
  bool End(MessageType type) { return EndFrame(static_cast<uint8_t>(type), begin_, out_); }

 private:
  size_t begin_;
};

// Appends records as a Fetched has them.
class RecordWriter : public FieldWriter<RecordWriter> {
 public:
  explicit RecordWriter(std::string& out) : FieldWriter(out) {}

  void Append(const KeyRef& ref, const Container& container) {
    U8(ref.database).Bytes(ref.key);
    EncodeToMessage(container, out_);
  }
};

class MessageReader : public ByteReader {
 public:
  explicit MessageReader(std::string_view payload) : ByteReader(payload) {}

  Database TakeDatabase() {
    const uint8_t database = U8();
    Require(database < kMaxDatabases);
    return database;
  }
  KeyRef Key() {
    const Database database = TakeDatabase();
    return {database, Bytes()};
  }
  // What a count claims is not believed: the list grows only with what is there.
  DotList Dots() {
    DotList dots;
    for (uint64_t left = Varint(); left > 0 && ok(); --left) {
      const auto actor = Name<ActorId>();
      const Dot dot{actor, Varint()};
      Require(dot.actor != ActorId{} && dot.number > 0 && dot.number <= kMaxDotNumber);
      if (ok()) dots.push_back(dot);
    }
    return dots;
  }
  Partition TakePartition() {
    const auto partition = static_cast<Partition>(Little<2>());
    Require(partition < kPartitions);
    return partition;
  }
  std::vector<WriteRange> Writes() {
    std::vector<WriteRange> writes;
    for (uint64_t left = Varint(); left > 0 && ok(); --left) {
      WriteRange range{.partition = TakePartition(), .actor = Name<ActorId>()};
      range.first = Varint();
      const uint64_t more = Varint();
      Require(range.actor != ActorId{} && range.first > 0 && range.first <= kMaxDotNumber &&
              more <= kMaxDotNumber - range.first);
      range.last = range.first + more;
      Require(writes.empty() || std::pair(writes.back().partition, writes.back().actor) <
                                    std::pair(range.partition, range.actor));
      if (ok()) writes.push_back(range);
    }
    return writes;
  }
  // Ascending.
  std::vector<Partition> Partitions() {
    std::vector<Partition> partitions;
    for (uint64_t left = Varint(); left > 0 && ok(); --left) {
      const Partition partition = TakePartition();
      Require(partitions.empty() || partitions.back() < partition);
      if (ok()) partitions.push_back(partition);
    }
    return partitions;
  }
  // Of leaves or branches.
  std::vector<uint32_t> Numbers() {
    std::vector<uint32_t> numbers;
    for (uint64_t left = Varint(); left > 0 && ok(); --left) {
      const uint64_t before = numbers.empty() ? 0 : numbers.back();
      const uint64_t number = before + Varint();
      Require(number < kMostLeaves && (numbers.empty() || number > before));
      if (ok()) numbers.push_back(static_cast<uint32_t>(number));
    }
    return numbers;
  }
  std::vector<uint64_t> Digests() {
    std::vector<uint64_t> digests;
    for (uint64_t left = Varint(); left > 0 && ok(); --left) {
      const uint64_t digest = U64();
      if (ok()) digests.push_back(digest);
    }
    return digests;
  }
  uint32_t Leaves() {
    const uint64_t leaves = Varint();
    Require(std::has_single_bit(leaves) && leaves >= kFewestLeaves && leaves <= kMostLeaves);
    return ok() ? static_cast<uint32_t>(leaves) : kFewestLeaves;
  }
  template <size_t kBytes>
  std::array<uint8_t, kBytes> Fixed() {
    std::array<uint8_t, kBytes> bytes{};
    std::ranges::copy(Take(kBytes), bytes.begin());
    return bytes;
  }
  ReceivedDots Received() {
    ReceivedDots received;
    if (!ReceivedDots::TakeFrom(rest_, received)) Fail();
    return received;
  }
  Refusal TakeRefusal() {
    const uint8_t refusal = U8();
    Require(refusal <= static_cast<uint8_t>(kLastRefusal));
    return ok() ? Refusal{refusal} : Refusal::kNone;
  }
  Container Value() {
    Container container;
    if (!TakeFromMessage(rest_, container)) Fail();
    return container;
  }
  Seen TakeSeen() {
    const Container container = Value();
    Require(container.versions.empty() &&
            std::ranges::all_of(container.counter.entries(), [](const Counter::Entry& entry) {
              return entry.reset == Counter::Sums{};
            }));
    return ok() ? SeenOf(container) : Seen{};
  }
};

}  // namespace cartwheel::cluster
