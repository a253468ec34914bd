// How each end of a connection between nodes shows the other that it knows the secret that members
// share, without telling it: a challenge and its answer, both ways.
//
//   dialler   Hello with a challenge
//   acceptor  Hello with a challenge, Proof
//   dialler   Proof, messages ...
//
//   Proof     HMAC-SHA-256 over u8 1 the dialler's, 2 the acceptor's;
//             varint length, the dialler's Hello; varint length, the acceptor's Hello
//
// It covers the Hellos as they were sent, a later version's additions too, and so both ids and both
// challenges: what a node heard on another connection proves nothing here. Nor does its own proof
// when it is said back to it, be it on a second connection: that one names another end.
#pragma once

#include <cstdint>
#include <string_view>

#include "cluster/mac.h"

namespace cartwheel::cluster {

// Of a connection.
enum class LinkEnd : uint8_t { kDialler = 1, kAcceptor = 2 };

// The Hellos: the payloads of their frames.
Mac LinkProof(const Mac& key, LinkEnd prover, std::string_view diallers_hello,
              std::string_view acceptors_hello);

}  // namespace cartwheel::cluster
