// The node's log: Redis's four levels, one line an event, to standard output or `logfile`.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "server/config.h"

namespace cartwheel::server {

// Opens the destination. Until it is called, lines go to standard output. The error names the file.
std::expected<void, std::string> OpenLog(const Config& config);
// Takes effect at once (CONFIG SET loglevel).
void SetLogLevel(LogLevel level);

void LogDebug(std::string_view line);
void LogVerbose(std::string_view line);
void LogNotice(std::string_view line);
void LogWarning(std::string_view line);

}  // namespace cartwheel::server
