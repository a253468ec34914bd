// A client as CLIENT INFO and CLIENT LIST show it, and what a client may call itself.
#pragma once

#include <string>
#include <string_view>

#include "server/now.h"
#include "server/session.h"

namespace cartwheel::server {

inline constexpr std::string_view kInvalidClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

// Printable ASCII without blanks, so that a line of CLIENT LIST can be split at them. Empty is
// valid: no name.
bool IsClientName(std::string_view name);

// Redis 7.0's fields in its order, then lib-name and lib-ver as 7.2 has them. No line end.
std::string DescribeClient(const Session& session, Now now);

}  // namespace cartwheel::server
