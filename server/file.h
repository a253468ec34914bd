// Small text files, read and replaced whole.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace cartwheel::server {

// The error is what the operating system says.
std::expected<std::string, std::string> ReadFile(const std::string& path);

// After a crash at any moment the file holds the old text or the new one: the new one is written
// and synced beside it, then renamed over it. Keeps the file's permissions.
std::expected<void, std::string> ReplaceFile(const std::string& path, std::string_view text);

}  // namespace cartwheel::server
