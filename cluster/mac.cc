#include "cluster/mac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "storage/check.h"

namespace cartwheel::cluster {

bool BeginsWith(const Mac& mac, std::string_view bytes) {
  return bytes.size() <= mac.size() && CRYPTO_memcmp(mac.data(), bytes.data(), bytes.size()) == 0;
}

Mac HmacSha256(std::span<const uint8_t> key, std::string_view bytes) {
  Mac mac;
  unsigned size = 0;
  const bool made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                         reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                         mac.data(), &size) != nullptr;
  storage::Check(made && size == mac.size(), "a HMAC of bytes in memory cannot fail");
  return mac;
}

}  // namespace cartwheel::cluster
