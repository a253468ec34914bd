// How many replicas a request waits for: Dynamo's N, R and W ("Dynamo", section 4.5), and Riak's
// stricter PR, PW and DW. Each is a number of the N owners of the key's partition; 0 asks for
// nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace cartwheel::cluster {

// Bounds what one request keeps per replica.
inline constexpr uint8_t kMaxCopies = 7;

enum class Level : uint8_t { kR, kW, kPR, kPW, kDW };
std::string_view NameOf(Level level);

struct Levels {
  uint8_t n = 3;   // owners of a partition
  uint8_t r = 2;   // replicas that answer a read, fallbacks included
  uint8_t w = 2;   // owners whose copy is stored, be it at a fallback that stands in for one
  uint8_t pr = 0;  // of R, owners themselves
  uint8_t pw = 0;  // of W, owners themselves
  uint8_t dw = 0;  // of W, stored on disk

  // In a cluster of fewer than N members every owner there can be is asked for instead: a node
  // alone is a cluster with N=1.
  Levels Over(size_t owners) const;
  bool operator==(const Levels&) const = default;
};

// What is wrong with them, for whoever asked for them: "W must be between 1 and N=3, not 4".
std::expected<void, std::string> Validate(const Levels& levels);

}  // namespace cartwheel::cluster
