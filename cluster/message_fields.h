// The fields that messages are made of, as bytes: what message_codec.cc writes and reads them with.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cluster/container_codec.h"
#include "cluster/encoding.h"
#include "cluster/frame.h"
#include "cluster/message.h"
#include "cluster/varint.h"

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
};

// Appends a payload, field by field.
class MessageWriter {
 public:
  explicit MessageWriter(std::string& out) : out_(out), begin_(BeginFrame(out)) {}

  template <size_t kBytes>
  MessageWriter& Little(uint64_t number) {
    char bytes[kBytes];
    StoreLittle<kBytes>(number, bytes);
    out_.append(bytes, kBytes);
    return *this;
  }
  MessageWriter& U8(uint8_t number) { return Little<1>(number); }
  MessageWriter& U64(uint64_t number) { return Little<8>(number); }
  template <typename Id>
  MessageWriter& Name(Id id) {
    return U64(static_cast<uint64_t>(id));
  }
  MessageWriter& Varint(uint64_t number) {
    char bytes[kMaxVarintBytes];
    out_.append(bytes, static_cast<size_t>(PutVarint(number, bytes) - bytes));
    return *this;
  }
  MessageWriter& Bytes(std::string_view bytes) {
    Varint(bytes.size());
    out_.append(bytes);
    return *this;
  }
  MessageWriter& Key(const KeyRef& ref) { return U8(ref.database).Bytes(ref.key); }
  MessageWriter& Dots(const DotList& dots) {
    Varint(dots.size());
    for (const Dot dot : dots) Name(dot.actor).Varint(dot.number);
    return *this;
  }
  MessageWriter& Known(const std::optional<ContainerDigest>& digest) {
    U8(digest ? 1 : 0);
    return digest ? U64(digest->low).U64(digest->high) : *this;
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
  MessageWriter& Value(const Seen& seen) {
    Container container;
    container.context = seen.context;
    container.counter = seen.counter;
    return Value(container);
  }
  bool End(MessageType type) { return EndFrame(static_cast<uint8_t>(type), begin_, out_); }

 private:
  std::string& out_;
  size_t begin_;
};

// Reads until the first fault, after which everything is 0 or empty.
class MessageReader {
 public:
  explicit MessageReader(std::string_view payload) : rest_(payload) {}

  bool ok() const { return ok_; }
  bool empty() const { return rest_.empty(); }
  void Fail() {
    ok_ = false;
    rest_ = {};
  }
  void Require(bool holds) {
    if (!holds) Fail();
  }

  std::string_view Take(uint64_t length) {
    if (rest_.size() < length) {
      Fail();
      return {};
    }
    const std::string_view taken = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return taken;
  }
  template <size_t kBytes>
  uint64_t Little() {
    const std::string_view bytes = Take(kBytes);
    return bytes.empty() ? 0 : LoadLittle<kBytes>(bytes.data());
  }
  uint8_t U8() { return static_cast<uint8_t>(Little<1>()); }
  uint64_t U64() { return Little<8>(); }
  template <typename Id>
  Id Name() {
    return Id{U64()};
  }
  bool Flag() {
    const uint8_t flag = U8();
    Require(flag <= 1);
    return flag == 1;
  }
  uint64_t Varint() {
    uint64_t number = 0;
    const char* const end = TakeVarint(rest_.data(), rest_.data() + rest_.size(), number);
    if (end == nullptr) {
      Fail();
      return 0;
    }
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return number;
  }
  std::string_view Bytes() { return Take(Varint()); }
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

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace cartwheel::cluster
