#include "cluster/membership_store.h"

#include <string>

#include "cluster/register_codec.h"
#include "cluster/topology.h"

namespace cartwheel::cluster {

using storage::Keyspace;

std::expected<std::optional<Register::State>, storage::Error> LoadMembership(
    storage::Engine& engine) {
  const auto stored = engine.Get(Keyspace::kMeta, kRegisterKey);
  if (!stored) return std::nullopt;
  const std::string what = std::string(engine.name()) +
                           " store: what this node knows of its cluster's members cannot be read, ";
  const auto state = DecodeRegisterState(*stored);
  if (!state) {
    return std::unexpected(storage::Error{
        storage::Error::Kind::kCorrupt,
        what + state.error() +
            "; start it on an empty data directory, and it joins anew in its own place"});
  }
  if (const auto topology = DecodeTopology(state->chosen.bytes); !topology) {
    return std::unexpected(
        storage::Error{storage::Error::Kind::kNewerFormat, what + topology.error()});
  }
  return *state;
}

void StageMembership(const std::optional<Register::State>& state, storage::Engine& engine) {
  if (state) {
    engine.Put(Keyspace::kMeta, kRegisterKey, EncodeRegisterState(*state));
  } else {
    engine.Delete(Keyspace::kMeta, kRegisterKey);
  }
}

}  // namespace cartwheel::cluster
