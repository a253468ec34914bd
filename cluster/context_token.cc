#include "cluster/context_token.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include "cluster/container_codec.h"
#include "cluster/encoding.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kFormatBytes = 1;
constexpr size_t kHashBytes = 4;
constexpr size_t kBodyAt = kFormatBytes + kHashBytes;
constexpr size_t kMacBytes = 4;  // kept of the eight
constexpr size_t kSipHashBytes = 8;

struct Free {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

// SipHash-2-4 is OpenSSL's default; its length is not.
uint64_t SipHash(std::span<const uint8_t, 16> secret, std::string_view bytes) {
  // Fetching searches OpenSSL's providers, which takes longer than all the rest.
  static const std::unique_ptr<EVP_MAC, Free> mac(EVP_MAC_fetch(nullptr, "SIPHASH", nullptr));
  storage::Check(mac != nullptr, "OpenSSL has SipHash");
  const std::unique_ptr<EVP_MAC_CTX, Free> context(EVP_MAC_CTX_new(mac.get()));
  size_t size = kSipHashBytes;
  const OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                               OSSL_PARAM_construct_end()};
  unsigned char out[kSipHashBytes];
  const bool made =
      context != nullptr &&
      EVP_MAC_init(context.get(), secret.data(), secret.size(), params) == 1 &&
      EVP_MAC_update(context.get(), reinterpret_cast<const unsigned char*>(bytes.data()),
                     bytes.size()) == 1 &&
      EVP_MAC_final(context.get(), out, &size, sizeof(out)) == 1 && size == kSipHashBytes;
  storage::Check(made, "a SipHash of bytes in memory cannot fail");
  return LoadLittle<kSipHashBytes>(reinterpret_cast<const char*>(out));
}

uint32_t HashOf(uint64_t cluster_id, const KeyRef& ref) {
  char where[8 + 1];
  StoreLittle<8>(cluster_id, where);
  where[8] = static_cast<char>(ref.database);
  const XXH64_hash_t seed = XXH3_64bits(where, sizeof(where));
  return static_cast<uint32_t>(XXH3_64bits_withSeed(ref.key.data(), ref.key.size(), seed));
}

}  // namespace

std::string MakeContextToken(const TokenKey& token_key, const KeyRef& ref, const Seen& seen) {
  std::string token(kBodyAt, '\0');
  token[0] = static_cast<char>(kFormat);
  StoreLittle<kHashBytes>(HashOf(token_key.cluster_id, ref), token.data() + kFormatBytes);
  Container container;
  container.context = seen.context;
  container.counter = seen.counter;
  EncodeToMessage(container, token);
  char mac[kMacBytes];
  StoreLittle<kMacBytes>(SipHash(token_key.secret, token), mac);
  return token.append(mac, kMacBytes);
}

std::optional<Seen> ReadContextToken(const TokenKey& token_key, const KeyRef& ref,
                                     std::string_view token) {
  if (token.size() < kBodyAt + kMacBytes) return std::nullopt;
  const std::string_view covered = token.substr(0, token.size() - kMacBytes);
  // Compared as one number: its time says nothing of how much of a forgery was right.
  const auto mac = static_cast<uint32_t>(SipHash(token_key.secret, covered));
  if (LoadLittle<kMacBytes>(covered.data() + covered.size()) != mac) return std::nullopt;
  if (static_cast<uint8_t>(covered[0]) != kFormat) return std::nullopt;
  if (LoadLittle<kHashBytes>(covered.data() + kFormatBytes) != HashOf(token_key.cluster_id, ref)) {
    return std::nullopt;
  }
  std::string_view body = covered.substr(kBodyAt);
  Container container;
  if (!TakeFromMessage(body, container) || !body.empty() || !container.versions.empty()) {
    return std::nullopt;
  }
  const auto has_resets = [](const Counter::Entry& entry) { return entry.reset.number != 0; };
  if (std::ranges::any_of(container.counter.entries(), has_resets)) return std::nullopt;
  return Seen{std::move(container.context), std::move(container.counter)};
}

}  // namespace cartwheel::cluster
