#include "cluster/ownership.h"

#include "cluster/byte_fields.h"
#include "cluster/record_checksum.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kBitsOfByte = 8;

}  // namespace

std::string EncodeOwnership(const Ownership& ownership) {
  std::string bytes;
  ByteWriter out(bytes);
  out.U8(kFormat).U8(ownership.alone ? 1 : 0);
  for (size_t i = 0; i < kPartitions; i += kBitsOfByte) {
    uint8_t byte = 0;
    for (size_t bit = 0; bit < kBitsOfByte; ++bit) {
      if (ownership.owned.test(i + bit)) byte |= static_cast<uint8_t>(1U << bit);
    }
    out.U8(byte);
  }
  out.Varint(ownership.arriving.size());
  for (const auto& [partition, epoch] : ownership.arriving) out.Little<2>(partition).Varint(epoch);
  out.Little<kChecksumBytes>(RecordChecksum(kOwnershipKey, bytes));
  return bytes;
}

std::optional<Ownership> DecodeOwnership(std::string_view bytes) {
  if (bytes.size() < kChecksumBytes) return std::nullopt;
  const std::string_view covered = bytes.substr(0, bytes.size() - kChecksumBytes);
  ByteReader tail(bytes.substr(covered.size()));
  if (tail.Little<kChecksumBytes>() != RecordChecksum(kOwnershipKey, covered)) return std::nullopt;
  ByteReader in(covered);
  in.Require(in.U8() == kFormat);
  Ownership ownership{.alone = in.Flag(), .owned = {}, .arriving = {}};
  for (size_t i = 0; i < kPartitions; i += kBitsOfByte) {
    const uint8_t byte = in.U8();
    for (size_t bit = 0; bit < kBitsOfByte; ++bit) {
      ownership.owned.set(i + bit, ((byte >> bit) & 1) != 0);
    }
  }
  for (uint64_t left = in.Varint(); left > 0 && in.ok(); --left) {
    const auto partition = static_cast<Partition>(in.Little<2>());
    const uint64_t epoch = in.Varint();
    in.Require(partition < kPartitions && ownership.owned.test(partition % kPartitions));
    if (in.ok()) ownership.arriving.emplace(partition, epoch);
  }
  if (!in.ok() || !in.empty()) return std::nullopt;
  return ownership;
}

}  // namespace cartwheel::cluster
