// The text of INFO: Redis 7.0's sections and fields, in its order, wherever the meaning exists
// here; then sections of our own.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "server/now.h"

namespace cartwheel::server {

class Server;

// `sections` are names in any case, also "default", "all" and "everything"; none is "default".
// Unknown names stand for nothing. Sections come in Redis's order whatever the order asked for.
std::string BuildInfo(Server& server, std::span<const std::string_view> sections, Now now);

}  // namespace cartwheel::server
