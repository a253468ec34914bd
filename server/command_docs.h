// The compatibility page docs/commands.md, from the command table.
#pragma once

#include <string>

namespace cartwheel::server {

// Every command of Redis 7.0 and those beyond it, by group: supported, different and how, or
// missing and why.
std::string CommandsMarkdown();

}  // namespace cartwheel::server
