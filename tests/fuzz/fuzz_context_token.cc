// The input as a token that a client sends: its first byte chooses the key, the rest is the token,
// read as it is and, since no mutation guesses a SipHash, as the body of one that the cluster might
// have made. What is accepted must be what the cluster makes of it.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/container_codec.h"
#include "cluster/context_token.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using namespace cartwheel::cluster;
using cartwheel::fuzz::Require;

constexpr std::array<uint8_t, 16> kSecret = {1, 2, 3, 4};
constexpr TokenKey kTokenKey{.cluster_id = 42, .secret = kSecret};

void CheckToken(const KeyRef& ref, std::string_view token) {
  // A buffer of its own, which ends where the bytes end.
  const std::vector<char> exact(token.begin(), token.end());
  const auto seen = ReadContextToken(kTokenKey, ref, {exact.data(), exact.size()});
  if (seen)
    Require(MakeContextToken(kTokenKey, ref, *seen) == token, "what was seen has one token");
}

// The token of whatever container the bytes are the message of.
void CheckMade(const KeyRef& ref, std::string_view bytes) {
  Container container;
  if (!TakeFromMessage(bytes, container)) return;
  const Seen seen = SeenOf(container);
  std::string token = MakeContextToken(kTokenKey, ref, seen);
#ifdef CARTWHEEL_CANARY
  // The planted fault: a token that covers two actors or more loses its last byte.
  if (seen.context.intervals().size() > 1) token.pop_back();
#endif
  Require(ReadContextToken(kTokenKey, ref, token) == seen, "what was seen comes back");
  const KeyRef other{ref.database, "another key"};
  Require(!ReadContextToken(kTokenKey, other, token), "another key's token is refused");
  token[token.size() / 2] ^= 1;
  Require(!ReadContextToken(kTokenKey, ref, token), "a changed token is refused");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const KeyRef ref{static_cast<Database>(data[0] % kMaxDatabases), "a key"};
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  CheckToken(ref, rest);
  CheckMade(ref, rest);
  return 0;
}
