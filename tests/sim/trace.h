// A hash over everything that a run said and did, in order: two runs of one seed end on the same.
#pragma once

#include <cstdint>
#include <string_view>

namespace cartwheel::sim {

// FNV-1a (Fowler, Noll, Vo).
class Trace {
 public:
  void Add(std::string_view bytes) {
    for (const char byte : bytes) Mix(static_cast<uint8_t>(byte));
    Mix(0xff);
  }
  void Add(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) Mix(static_cast<uint8_t>(number >> shift));
  }
  uint64_t hash() const { return hash_; }

 private:
  void Mix(uint8_t byte) { hash_ = (hash_ ^ byte) * 0x100000001b3; }

  uint64_t hash_ = 0xcbf29ce484222325;
};

}  // namespace cartwheel::sim
