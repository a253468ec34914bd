// A place within one database in store order, as a number: slot (14 bits), then the top 34 bits of
// the key's hash. It is what a SCAN cursor holds, so it stays below 2^48: clients that keep numbers
// in doubles lose no bits.
//
// Keys that share a place are inseparable: no place lies between them.
#pragma once

#include <cstdint>

#include "cluster/slot.h"

namespace cartwheel::cluster {

using ScanPlace = uint64_t;

inline constexpr int kPlaceHashBits = 34;
inline constexpr ScanPlace kEndPlace = ScanPlace{kSlotCount} << kPlaceHashBits;

constexpr ScanPlace PlaceOf(Slot slot, uint64_t hash) {
  return ScanPlace{slot} << kPlaceHashBits | hash >> (64 - kPlaceHashBits);
}

// Only for places before kEndPlace.
constexpr Slot SlotAt(ScanPlace place) {
  return static_cast<Slot>(place >> kPlaceHashBits);
}

// The lowest hash of the place.
constexpr uint64_t HashAt(ScanPlace place) {
  return place << (64 - kPlaceHashBits);
}

}  // namespace cartwheel::cluster
