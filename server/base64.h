// Base64 with the alphabet that is safe in URLs, without padding (RFC 4648, section 5): bytes as a
// text that survives clients which read replies as UTF-8, JSON, cookies and command lines.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cartwheel::server {

std::string EncodeBase64(std::string_view bytes);

// nullopt: no text that EncodeBase64 gives.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace cartwheel::server
