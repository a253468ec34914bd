// What the next requests of a pipeline will ask for, without parsing them: the first argument
// behind each command's name, which is nearly always its key.
//
// A hint, for whoever wants to have the keys' memory in the processor's cache by the time the
// requests run. It decides nothing: what is not a plain, complete array of bulk strings ends it.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace cartwheel::resp {

// Replaces `keys` with views into `input`, which starts at a request's first byte, and returns how
// many bytes were looked at: those of `requests` requests, or less.
size_t LookAhead(std::string_view input, size_t requests, std::vector<std::string_view>& keys);

}  // namespace cartwheel::resp
