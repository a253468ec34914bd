#include "cluster/any_record.h"

#include <utility>

#include "cluster/record.h"

namespace cartwheel::cluster {
namespace {

bool IsOld(std::string_view record) {
  return !record.empty() && static_cast<uint8_t>(record[0]) >> 4 == kRecordFormat;
}

ContainerFault FaultOf(RecordFault fault) {
  switch (fault) {
    case RecordFault::kTooShort: return ContainerFault::kTooShort;
    case RecordFault::kNewerFormat: return ContainerFault::kNewerFormat;
    case RecordFault::kUnknownType:
    case RecordFault::kUnknownFlags: return ContainerFault::kMalformed;
    case RecordFault::kChecksum: break;
  }
  return ContainerFault::kChecksum;
}

}  // namespace

std::expected<void, ContainerFault> DecodeAnyRecord(std::string_view store_key,
                                                    std::string_view record,
                                                    const ActorTable& actors, Container& out) {
  if (!IsOld(record)) [[likely]]
    return DecodeStored(store_key, record, actors, out);
  out.clear();
  const auto value = DecodeRecord(store_key, record);
  if (!value) return std::unexpected(FaultOf(value.error()));
  out.versions.push_back({.dot = {},
                          .value_dot = {},
                          .hlc = Hlc::At(value->written_at_ms),
                          .type = value->type,
                          .expire_at = value->expire_at,
                          .bytes = value->bytes});
  return {};
}

bool MayBeHidden(std::string_view record) {
  if (IsOld(record)) return PeekExpiry(record) != kNoExpiry;
  return PeekMayBeHidden(record);
}

size_t BytesOf(const Container& container) {
  size_t bytes = 0;
  for (const Version& version : container.versions) bytes += version.bytes.size();
  return bytes;
}

size_t RecordBytesOf(const Value& value) {
  // A frame around the value's bytes, measured without them, so as not to copy them.
  constexpr Dot kFirst{ActorId{1}, 1};
  Container frame;
  Put(frame, {.dot = kFirst,
              .value_dot = kFirst,
              .hlc = Hlc::At(value.written_at_ms),
              .type = value.type,
              .expire_at = value.expire_at,
              .bytes = {}});
  ActorTable actors;
  std::string record;
  EncodeStored({}, frame, actors, record);
  return record.size() + value.bytes.size();
}

}  // namespace cartwheel::cluster
