// Operations on many keys, taken apart by key and put together again.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "resp/reply_writer.h"
#include "server/command.h"

namespace cartwheel::server {

// Whether each key of the command stands for itself, so that the command is the same as one of its
// own kind for each of its keys.
bool IsOfIndependentKeys(const Command& command);

// The commands, one a key, in order; arguments are views into `args`.
std::vector<std::vector<std::string_view>> SplitByKey(const Command& command, Args args);

// The reply to the whole: the first error if there is one, as a part of an answer must never look
// like the whole.
std::string Gather(const Command& command, std::span<const std::string> replies,
                   resp::Protocol protocol);

}  // namespace cartwheel::server
