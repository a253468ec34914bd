#include "cluster/container_codec.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "cluster/encoding.h"
#include "cluster/record_checksum.h"
#include "cluster/varint.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

enum ContainerFlags : uint8_t { kOwnContiguous = 1, kHasCounter = 2, kMayBeHidden = 4 };
enum VersionFlags : uint8_t { kOtherValueDot = 1, kHasExpiry = 2 };

constexpr int kTypeShift = 4;
constexpr size_t kHlcBytes = 8;
constexpr size_t kActorBytes = 8;
constexpr size_t kTimeBytes = 6;
// Format, and the numbers of actors, versions and entries; then the most that each piece takes.
constexpr size_t kMostHead = 1 + 3 * kMaxVarintBytes;
constexpr size_t kMostInterval = 4 * kMaxVarintBytes;
constexpr size_t kMostVersion = 5 * kMaxVarintBytes + kHlcBytes + 1 + kTimeBytes;
constexpr size_t kMostEntry = 8 * kMaxVarintBytes;

// Whether plain commands may find nothing, now or later.
bool MayBeHidden(const Container& container) {
  return container.IsDeleted() ||
         std::ranges::any_of(container.versions,
                             [](const Version& version) { return version.expire_at != kNoExpiry; });
}

uint8_t StoredFlags(const Container& container) {
  return static_cast<uint8_t>((container.own_contiguous ? kOwnContiguous : 0) |
                              (MayBeHidden(container) ? kMayBeHidden : 0));
}

size_t MostBytes(const Container& container) {
  size_t most = kMostHead + container.context.intervals().size() * kMostInterval +
                container.counter.entries().size() * kMostEntry + kChecksumBytes;
  for (const Version& version : container.versions) most += kMostVersion + version.bytes.size();
  return most;
}

// How the two forms name an actor.
class StoredActors {
 public:
  explicit StoredActors(ActorTable& actors) : actors_(actors) {}
  char* Put(ActorId actor, char* at) const { return PutVarint(actors_.NumberOf(actor), at); }

 private:
  ActorTable& actors_;
};

struct SentActors {
  static char* Put(ActorId actor, char* at) {
    StoreLittle<kActorBytes>(static_cast<uint64_t>(actor), at);
    return at + kActorBytes;
  }
};

template <typename Actors>
char* PutDot(const Actors& actors, Dot dot, char* at) {
  return PutVarint(dot.number, actors.Put(dot.actor, at));
}

template <typename Actors>
char* PutContext(const Actors& actors, std::span<const Context::Interval> intervals, char* at) {
  uint64_t count = 0;
  ActorId actor{};
  for (const Context::Interval& interval : intervals) {
    if (interval.actor != actor) ++count;
    actor = interval.actor;
  }
  at = PutVarint(count, at);
  for (size_t i = 0; i < intervals.size();) {
    actor = intervals[i].actor;
    size_t end = i;
    while (end < intervals.size() && intervals[end].actor == actor) ++end;
    at = PutVarint(end - i, actors.Put(actor, at));
    for (uint64_t before = 0; i < end; ++i) {
      at = PutVarint(intervals[i].first - before, at);
      at = PutVarint(intervals[i].last - intervals[i].first, at);
      before = intervals[i].last;
    }
  }
  return at;
}

template <typename Actors>
char* PutVersion(const Actors& actors, const Version& version, char* at) {
  storage::Check(version.expire_at >= 0 && version.expire_at <= kMaxExpireAt,
                 "a version's expiry fits 48 bits");
  const bool other_value_dot = version.value_dot != version.dot;
  const bool expires = version.expire_at != kNoExpiry;
  at = PutDot(actors, version.dot, at);
  StoreLittle<kHlcBytes>(version.hlc.bits, at);
  at += kHlcBytes;
  *at++ = static_cast<char>(static_cast<uint8_t>(version.type) << kTypeShift |
                            (other_value_dot ? kOtherValueDot : 0) | (expires ? kHasExpiry : 0));
  if (other_value_dot) at = PutDot(actors, version.value_dot, at);
  if (expires) {
    StoreLittle<kTimeBytes>(static_cast<uint64_t>(version.expire_at), at);
    at += kTimeBytes;
  }
  at = PutVarint(version.bytes.size(), at);
  // Empty bytes may have no data() at all, which memcpy does not allow.
  if (!version.bytes.empty()) std::memcpy(at, version.bytes.data(), version.bytes.size());
  return at + version.bytes.size();
}

template <typename Actors>
char* PutCounter(const Actors& actors, const Counter& counter, char* at) {
  at = PutVarint(counter.entries().size(), at);
  for (const Counter::Entry& entry : counter.entries()) {
    at = PutDot(actors, entry.first, at);
    at = PutVarint(entry.total.number - entry.first.number, at);
    at = PutVarint(entry.total.taken, PutVarint(entry.total.added, at));
    at = PutVarint(entry.reset.number, at);
    if (entry.reset.number == 0) continue;
    at = PutVarint(entry.reset.taken, PutVarint(entry.reset.added, at));
  }
  return at;
}

template <typename Actors>
char* PutContainer(const Actors& actors, const Container& container, uint8_t flags, char* at) {
  if (!container.counter.empty()) flags |= kHasCounter;
  *at++ = static_cast<char>(kContainerFormat << 4 | flags);
  at = PutContext(actors, container.context.intervals(), at);
  at = PutVarint(container.versions.size(), at);
  for (const Version& version : container.versions) at = PutVersion(actors, version, at);
  if (!container.counter.empty()) at = PutCounter(actors, container.counter, at);
  return at;
}

// Reads until the first fault, after which everything is 0 or empty.
class Reader {
 public:
  // `actors`: nullptr for a message.
  Reader(std::string_view bytes, const ActorTable* actors)
      : at_(bytes.data()), end_(bytes.data() + bytes.size()), actors_(actors) {}

  bool ok() const { return !fault_.has_value(); }
  ContainerFault fault() const { return *fault_; }
  std::string_view rest() const { return {at_, end_}; }

  void Fail(ContainerFault fault) {
    if (ok()) fault_ = fault;
    at_ = end_;
  }
  uint64_t Varint() {
    // Nearly all take one byte.
    if (at_ != end_ && static_cast<uint8_t>(*at_) < 0x80) return static_cast<uint8_t>(*at_++);
    return LongVarint();
  }
  template <size_t kBytes>
  uint64_t Little() {
    const std::string_view bytes = Bytes(kBytes);
    return bytes.empty() ? 0 : LoadLittle<kBytes>(bytes.data());
  }
  std::string_view Bytes(uint64_t length) {
    if (static_cast<uint64_t>(end_ - at_) < length) [[unlikely]] {
      Fail(ContainerFault::kTooShort);
      return {};
    }
    at_ += length;
    return {at_ - length, length};
  }
  ActorId Actor() {
    if (actors_ == nullptr) return ActorId{Little<kActorBytes>()};
    const auto actor = actors_->ActorOf(Varint());
    if (!actor) Fail(ContainerFault::kUnknownActor);
    return actor.value_or(ActorId{});
  }
  Dot TakeDot() {
    const ActorId actor = Actor();
    return {actor, Varint()};
  }

 private:
  uint64_t LongVarint() {
    uint64_t number = 0;
    const char* const end = TakeVarint(at_, end_, number);
    if (end == nullptr) [[unlikely]] {
      Fail(at_ == end_ ? ContainerFault::kTooShort : ContainerFault::kMalformed);
      return 0;
    }
    at_ = end;
    return number;
  }

  const char* at_;
  const char* end_;
  const ActorTable* actors_;
  std::optional<ContainerFault> fault_;
};

void TakeContext(Reader& in, Context& context) {
  ActorId before{};
  for (uint64_t actors = in.Varint(); actors > 0 && in.ok(); --actors) {
    const ActorId actor = in.Actor();
    uint64_t intervals = in.Varint();
    // Without one the actor would not be here, and after itself it would not be here twice.
    if (intervals == 0 || actor <= before) return in.Fail(ContainerFault::kMalformed);
    before = actor;
    for (uint64_t last = 0; intervals > 0 && in.ok(); --intervals) {
      const uint64_t distance = in.Varint();
      const uint64_t length = in.Varint();
      // So that the sums below cannot wrap.
      if (distance > kMaxDotNumber || length > kMaxDotNumber) {
        return in.Fail(ContainerFault::kMalformed);
      }
      const uint64_t first = last + distance;
      last = first + length;
      if (!context.AppendInterval({actor, first, last})) {
        return in.Fail(ContainerFault::kMalformed);
      }
    }
  }
}

void TakeVersion(Reader& in, Version& version) {
  version.dot = in.TakeDot();
  version.hlc.bits = in.Little<kHlcBytes>();
  const uint64_t head = in.Little<1>();
  version.type = static_cast<Type>(head >> kTypeShift);
  if (version.type != Type::kString || (head & 0x0f & ~(kOtherValueDot | kHasExpiry)) != 0) {
    in.Fail(ContainerFault::kMalformed);
  }
  version.value_dot = version.dot;
  if ((head & kOtherValueDot) != 0) {
    version.value_dot = in.TakeDot();
    if (version.value_dot == version.dot) in.Fail(ContainerFault::kMalformed);
  }
  version.expire_at = kNoExpiry;
  if ((head & kHasExpiry) != 0) {
    version.expire_at = static_cast<ExpireAt>(in.Little<kTimeBytes>());
    if (version.expire_at == kNoExpiry) in.Fail(ContainerFault::kMalformed);
  }
  version.bytes = in.Bytes(in.Varint());
}

void TakeCounter(Reader& in, Counter& counter) {
  uint64_t entries = in.Varint();
  if (entries == 0) in.Fail(ContainerFault::kMalformed);
  for (; entries > 0 && in.ok(); --entries) {
    Counter::Entry entry;
    entry.first = in.TakeDot();
    const uint64_t distance = in.Varint();
    if (entry.first.number > kMaxDotNumber || distance > kMaxDotNumber) {
      return in.Fail(ContainerFault::kMalformed);
    }
    entry.total.number = entry.first.number + distance;
    entry.total.added = in.Varint();
    entry.total.taken = in.Varint();
    entry.reset.number = in.Varint();
    if (entry.reset.number != 0) {
      entry.reset.added = in.Varint();
      entry.reset.taken = in.Varint();
    }
    if (in.ok() && !counter.AppendEntry(entry)) in.Fail(ContainerFault::kMalformed);
  }
}

void TakeContainer(Reader& in, uint8_t known_flags, Container& out) {
  const uint64_t head = in.Little<1>();
  if (!in.ok()) return;
  if (head >> 4 > kContainerFormat) return in.Fail(ContainerFault::kNewerFormat);
  if (head >> 4 < kContainerFormat || (head & 0x0f & ~known_flags) != 0) {
    return in.Fail(ContainerFault::kMalformed);
  }
  out.own_contiguous = (head & kOwnContiguous) != 0;
  TakeContext(in, out.context);
  for (uint64_t versions = in.Varint(); versions > 0 && in.ok(); --versions) {
    TakeVersion(in, out.versions.emplace_back());
  }
  if ((head & kHasCounter) != 0) TakeCounter(in, out.counter);
  if (in.ok() && !out.IsConsistent()) in.Fail(ContainerFault::kMalformed);
}

}  // namespace

std::string_view Describe(ContainerFault fault) {
  switch (fault) {
    case ContainerFault::kTooShort: return "the record is cut short";
    case ContainerFault::kNewerFormat: return "the record was written by a later version";
    case ContainerFault::kChecksum: return "the record's checksum does not match: it is damaged";
    case ContainerFault::kUnknownActor: return "the record names an actor that the table lacks";
    case ContainerFault::kMalformed: return "the record is ill-formed";
  }
  return "the record is damaged";
}

void EncodeStored(std::string_view store_key, const Container& container, ActorTable& actors,
                  std::string& out) {
  // Unlike resize, this does not fill with zeros what is overwritten anyway.
  out.resize_and_overwrite(MostBytes(container), [&](char* begin, size_t) {
    char* const end = PutContainer(StoredActors(actors), container, StoredFlags(container), begin);
    const auto covered = static_cast<size_t>(end - begin);
    StoreLittle<kChecksumBytes>(RecordChecksum(store_key, {begin, covered}), end);
    return covered + kChecksumBytes;
  });
}

std::expected<void, ContainerFault> DecodeStored(std::string_view store_key,
                                                 std::string_view record, const ActorTable& actors,
                                                 Container& out) {
  out.clear();
  if (record.size() <= kChecksumBytes) return std::unexpected(ContainerFault::kTooShort);
  // Before the checksum, as a later format may keep it elsewhere.
  if (static_cast<uint8_t>(record[0]) >> 4 > kContainerFormat) {
    return std::unexpected(ContainerFault::kNewerFormat);
  }
  const std::string_view covered = record.substr(0, record.size() - kChecksumBytes);
  if (LoadLittle<kChecksumBytes>(covered.data() + covered.size()) !=
      RecordChecksum(store_key, covered)) {
    return std::unexpected(ContainerFault::kChecksum);
  }
  Reader in(covered, &actors);
  TakeContainer(in, kOwnContiguous | kHasCounter | kMayBeHidden, out);
  if (in.ok() && PeekMayBeHidden(record) != MayBeHidden(out)) in.Fail(ContainerFault::kMalformed);
  if (in.ok() && !in.rest().empty()) in.Fail(ContainerFault::kMalformed);
  if (in.ok()) return {};
  out.clear();
  return std::unexpected(in.fault());
}

bool PeekMayBeHidden(std::string_view record) {
  return record.empty() || (static_cast<uint8_t>(record[0]) & kMayBeHidden) != 0;
}

void EncodeToMessage(const Container& container, std::string& out) {
  const size_t before = out.size();
  out.resize_and_overwrite(before + MostBytes(container), [&](char* begin, size_t) {
    return PutContainer(SentActors{}, container, 0, begin + before) - begin;
  });
}

std::expected<void, ContainerFault> TakeFromMessage(std::string_view& in, Container& out) {
  out.clear();
  Reader reader(in, nullptr);
  TakeContainer(reader, kHasCounter, out);
  if (reader.ok()) {
    in = reader.rest();
    return {};
  }
  out.clear();
  return std::unexpected(reader.fault());
}

}  // namespace cartwheel::cluster
