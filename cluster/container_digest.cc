#include "cluster/container_digest.h"

#include <xxhash.h>

#include "cluster/container_codec.h"

namespace cartwheel::cluster {

ContainerDigest DigestOf(const Container& container, std::string& scratch) {
  scratch.clear();
  EncodeToMessage(container, scratch);
  const XXH128_hash_t hash = XXH3_128bits(scratch.data(), scratch.size());
  return {hash.low64, hash.high64};
}

}  // namespace cartwheel::cluster
