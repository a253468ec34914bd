#include "cluster/link_proof.h"

#include <string>

#include "cluster/byte_fields.h"

namespace cartwheel::cluster {

Mac LinkProof(const Mac& key, LinkEnd prover, std::string_view diallers_hello,
              std::string_view acceptors_hello) {
  std::string covered;
  ByteWriter(covered).U8(static_cast<uint8_t>(prover)).Bytes(diallers_hello).Bytes(acceptors_hello);
  return HmacSha256(key, covered);
}

}  // namespace cartwheel::cluster
