// The server's log: lines such as "2026-11-22 12:00:00.123 * message", whose mark is Redis's for
// the level: . debug, - verbose, * notice, # warning.
//
// A message is one line: control characters in it are escaped, so that what a client sent cannot
// forge a line. Before OpenLog the log goes to standard output at level notice. Safe from any
// thread, but OpenLog.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "server/config.h"

namespace cartwheel::server {

// Logs to config.logfile ("": standard output) from config.loglevel on. The file is opened for each
// line, as Redis does, so that it may be rotated at any time. The error says why the file cannot be
// written.
std::expected<void, std::string> OpenLog(const Config& config);

// CONFIG SET loglevel.
void SetLogLevel(LogLevel level);

void LogDebug(std::string_view message);
void LogVerbose(std::string_view message);
void LogNotice(std::string_view message);
void LogWarning(std::string_view message);

}  // namespace cartwheel::server
