// A container as bytes: stored under its key, and sent between nodes.
//
//   u8      format version << 4 | flags (1 own_contiguous, 2 a counter follows,
//           4 in the stored form: nothing is live, or a version expires)
//   context: varint number of actors, of each: actor, varint number of intervals, of each: varint
//           distance of its first number from the last one before it (0 at first), varint length-1
//   versions: varint number, of each: actor, varint number, u64 hlc, u8 type << 4 | flags (1 other
//           value dot, 2 expiry), [actor, varint number], [u48 expiry], varint length, bytes
//   counter: varint number of entries, of each: actor, varint first number, total: varint distance
//           from the first number, varint added, varint taken, and reset: varint number, and if it
//           is not 0 varint added, varint taken
//   u32     stored form only: RecordChecksum of all that
//
// Integers are little endian; varints are LEB128, in their shortest form. An actor is a varint of
// the partition's ActorTable in the stored form, and its u64 id in a message, whose frame has a
// checksum of its own. own_contiguous is never sent. A container has exactly one stored form under
// a table; with one version by one actor it takes about 28 bytes beside the value.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "cluster/actor_table.h"
#include "cluster/container.h"

namespace cartwheel::cluster {

inline constexpr uint8_t kContainerFormat = 2;  // 1 were records without versions

enum class ContainerFault : uint8_t {
  kTooShort,
  kNewerFormat,  // written by a later version
  kChecksum,
  kUnknownActor,  // a number that the partition's table does not have
  kMalformed,     // ill-formed, not in the one order, or inconsistent
};

// One line for a person: what is wrong with the record.
std::string_view Describe(ContainerFault fault);

// Overwrites `out`, whose capacity is reused. `out` must not hold the versions' bytes. Actors that
// are new are added to the table, which then has to be stored too.
void EncodeStored(std::string_view store_key, const Container& container, ActorTable& actors,
                  std::string& out);
// Never trusts the bytes. Overwrites `out`, whose capacity is reused; after a fault it is empty.
// The versions' bytes are views into `record`.
std::expected<void, ContainerFault> DecodeStored(std::string_view store_key,
                                                 std::string_view record, const ActorTable& actors,
                                                 Container& out);

// What the record says of itself, unverified: whether plain commands may find nothing under its key
// now or at some time. Tells which records are worth decoding without reading large ones to their
// end.
bool PeekMayBeHidden(std::string_view record);

// Appends to `out`.
void EncodeToMessage(const Container& container, std::string& out);
// Never trusts the bytes, and takes what it reads off `in`, or nothing when there is a fault.
// Overwrites `out` like DecodeStored; views into `in`.
std::expected<void, ContainerFault> TakeFromMessage(std::string_view& in, Container& out);

}  // namespace cartwheel::cluster
