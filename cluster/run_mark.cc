#include "cluster/run_mark.h"

#include "cluster/encoding.h"
#include "cluster/record_checksum.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kHeaderBytes = 2;
constexpr uint8_t kAlwaysDurable = 1;
constexpr uint8_t kEnded = 2;

}  // namespace

std::string EncodeRunMark(const RunMark& mark) {
  std::string out;
  out.push_back(static_cast<char>(kFormat));
  out.push_back(
      static_cast<char>((mark.always_durable ? kAlwaysDurable : 0) | (mark.ended ? kEnded : 0)));
  out += mark.boot_id;
  char checksum[kChecksumBytes];
  StoreLittle<kChecksumBytes>(RecordChecksum({}, out), checksum);
  out.append(checksum, kChecksumBytes);
  return out;
}

std::optional<RunMark> DecodeRunMark(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes + kChecksumBytes) return std::nullopt;
  const std::string_view covered = bytes.substr(0, bytes.size() - kChecksumBytes);
  const uint64_t stored = LoadLittle<kChecksumBytes>(covered.data() + covered.size());
  const auto flags = static_cast<uint8_t>(covered[1]);
  if (static_cast<uint8_t>(covered[0]) != kFormat || flags > (kAlwaysDurable | kEnded) ||
      stored != RecordChecksum({}, covered)) {
    return std::nullopt;
  }
  return RunMark{.boot_id = std::string(covered.substr(kHeaderBytes)),
                 .always_durable = (flags & kAlwaysDurable) != 0,
                 .ended = (flags & kEnded) != 0};
}

bool MayHaveLostWrites(std::optional<std::string_view> stored, std::string_view boot_id) {
  // None: nobody has seen a commit yet, or none of a version that had other nodes.
  if (!stored) return false;
  const auto mark = DecodeRunMark(*stored);
  return !mark || (!mark->ended && !mark->always_durable && mark->boot_id != boot_id);
}

}  // namespace cartwheel::cluster
