// The actors that a partition's records name, by small numbers: a record stores a byte where the
// id would take eight.
//
// Numbers are never reused and never change; the table is stored with the partition, in the batch
// of the first record that uses a new number. It is this replica's alone: messages carry full ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/dot.h"

namespace cartwheel::cluster {

class ActorTable {
 public:
  // Adds the actor if it is new. 0, which names no actor, is a bug of the caller.
  uint32_t NumberOf(ActorId actor) {
    for (size_t i = 0; i < actors_.size(); ++i) {
      if (actors_[i] == actor) return static_cast<uint32_t>(i);
    }
    return Append(actor);
  }
  // nullopt: no such number.
  std::optional<ActorId> ActorOf(uint64_t number) const {
    if (number >= actors_.size()) return std::nullopt;
    return actors_[number];
  }
  // Grows only; a changed size means that the table has to be stored.
  size_t size() const { return actors_.size(); }

  // Appends u8 format, u32 number of actors, u64 each.
  void EncodeTo(std::string& out) const;
  // Never trusts the bytes; false when they are not what EncodeTo wrote. Takes them off `in`.
  static bool TakeFrom(std::string_view& in, ActorTable& out);
  bool operator==(const ActorTable&) const = default;

 private:
  uint32_t Append(ActorId actor);

  std::vector<ActorId> actors_;  // by number; a handful over the life of a partition
};

}  // namespace cartwheel::cluster
