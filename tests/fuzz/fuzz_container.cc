// The input as bytes that a disk or a peer gave: a container in its stored form, as it is and,
// since no mutation guesses a checksum, once more with the checksum made right, and as a message.
// What decodes is consistent and must encode to the same bytes again; and two containers that
// decode can be merged and stored, whatever they claim. Every call gets its bytes in a new buffer
// of exactly their size, so that ASan sees reads past the end.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/container_codec.h"
#include "cluster/record_checksum.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using cartwheel::cluster::ActorId;
using cartwheel::cluster::ActorTable;
using cartwheel::cluster::Container;
using cartwheel::cluster::kChecksumBytes;
using cartwheel::fuzz::Require;

constexpr std::string_view kStoreKey = "a store key";

// A copy in a buffer of its own, which ends where the bytes end.
class ExactBuffer {
 public:
  explicit ExactBuffer(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {
    bytes_.shrink_to_fit();
  }
  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

void CheckStored(const Container& container, ActorTable& actors) {
  std::string record;
  EncodeStored(kStoreKey, container, actors, record);
  Container again;
  Require(DecodeStored(kStoreKey, record, actors, again).has_value(), "what is stored decodes");
  Require(again == container, "a container comes back as it was");
}

void CheckRecord(std::string_view record, ActorTable& actors) {
  const size_t known = actors.size();
  Container container;
  const auto decoded = DecodeStored(kStoreKey, record, actors, container);
  if (!decoded) {
    Require(!Describe(decoded.error()).empty(), "every fault has a line");
    Require(container == Container{}, "after a fault there is nothing");
    return;
  }
  Require(container.IsConsistent(), "what decodes is consistent");
  std::string encoded;
  EncodeStored(kStoreKey, container, actors, encoded);
#ifdef CARTWHEEL_CANARY
  // The planted fault: counters that took more than they added are encoded wrongly.
  if (container.counter.IsLive() && container.counter.Sum() < 0) encoded.back() ^= 1;
#endif
  Require(encoded == record, "a container has one stored form");
  Require(actors.size() == known, "what decodes names no new actor");
}

void CheckMessage(std::string_view message) {
  std::string_view rest = message;
  Container first;
  if (!TakeFromMessage(rest, first)) {
    Require(rest.size() == message.size(), "a refused message is left where it is");
    return;
  }
  Require(first.IsConsistent(), "what decodes is consistent");
  std::string encoded;
  EncodeToMessage(first, encoded);
  Require(encoded == message.substr(0, message.size() - rest.size()), "a container has one form");
  ActorTable actors;
  CheckStored(first, actors);

  Container second;
  if (!TakeFromMessage(rest, second)) return;
  const Container both = Sync(first, second);
  Require(both.IsConsistent(), "the merge of what is consistent is");
  Require(both.context == Sync(second, first).context, "merging commutes");
  Require(both.counter == Sync(second, first).counter, "merging commutes");
  CheckStored(both, actors);
}

// With the checksum that it should have in its last bytes.
std::string Sealed(std::string record) {
  if (record.size() < kChecksumBytes) return record;
  const size_t covered = record.size() - kChecksumBytes;
  const uint32_t checksum =
      cartwheel::cluster::RecordChecksum(kStoreKey, std::string_view(record).substr(0, covered));
  for (size_t i = 0; i < kChecksumBytes; ++i) {
    record[covered + i] = static_cast<char>(checksum >> (8 * i));
  }
  return record;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  // Numbers whose order is not that of the ids.
  ActorTable actors;
  for (const uint64_t id : {7, 3, 9, 1}) actors.NumberOf(ActorId{id});
  CheckRecord(ExactBuffer(input).view(), actors);
  CheckRecord(ExactBuffer(Sealed(std::string(input))).view(), actors);
  CheckMessage(ExactBuffer(input).view());
  return 0;
}
