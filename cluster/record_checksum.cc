#include "cluster/record_checksum.h"

#include <xxhash.h>

namespace cartwheel::cluster {

// Two short one-shot hashes: streaming XXH3 over the two pieces costs a 576-byte state to set up,
// and joining them first a copy. A change of either piece changes the result.
uint32_t RecordChecksum(std::string_view store_key, std::string_view covered) {
  const XXH64_hash_t seed = XXH3_64bits(store_key.data(), store_key.size());
  return static_cast<uint32_t>(XXH3_64bits_withSeed(covered.data(), covered.size(), seed));
}

}  // namespace cartwheel::cluster
