// A run told for people: what happened to one key, and to the cluster meanwhile.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/sim/history.h"

namespace cartwheel::sim {

// `told`: times and lines of the cluster. `key` empty: of every key.
std::string TellStory(const Evidence& evidence, const std::string& key,
                      const std::vector<std::pair<int64_t, std::string>>& told);

}  // namespace cartwheel::sim
