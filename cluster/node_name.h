// Node ids as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cluster/node_id.h"

namespace cartwheel::cluster {

// Ids of a list that somebody wrote are small and shown as they were written; drawn ones are shown
// as the last 16 digits of the id that CLUSTER NODES says.
inline std::string Text(NodeId node) {
  constexpr uint64_t kWritten = 1'000'000'000;
  auto number = static_cast<uint64_t>(node);
  if (number < kWritten) return std::to_string(number);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = text.size(); i-- > 0; number >>= 4) text[i] = kDigits[number & 15];
  return text;
}

}  // namespace cartwheel::cluster
