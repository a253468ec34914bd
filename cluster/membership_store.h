// Where a node keeps what it knows of its membership: "register" in the keyspace kMeta, as
// register_codec.h says; no entry: it is in no cluster.
#pragma once

#include <expected>
#include <optional>

#include "cluster/register.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

inline constexpr std::string_view kRegisterKey = "register";

// Fails on a state that is damaged or of a later version: a node that forgot what it promised could
// promise the opposite.
std::expected<std::optional<Register::State>, storage::Error> LoadMembership(
    storage::Engine& engine);

// Into the engine's pending batch.
void StageMembership(const std::optional<Register::State>& state, storage::Engine& engine);

}  // namespace cartwheel::cluster
