// DYN.QUORUM [R n] [W n] [PR n] [PW n] [DW n] [command ...]: how many replicas requests wait for.
#pragma once

#include <expected>
#include <string>

#include "cluster/levels.h"
#include "server/ops/op.h"

namespace cartwheel::server {

struct QuorumRequest {
  cluster::Levels levels;
  bool reset = false;  // DYN.QUORUM RESET: the levels of a new connection again
  bool given = false;  // a level was given
  Args command = {};   // the one that runs with them, its name first; empty: none
};

// `current` are the levels of the connection, of which the request changes some. On an error, the
// text of the error reply.
std::expected<QuorumRequest, std::string> ParseQuorumRequest(Args args,
                                                             const cluster::Levels& current);

}  // namespace cartwheel::server
