// What the rows of the command table have in common: key positions and the rows that every
// container has.
#pragma once

#include "server/handlers.h"

namespace cartwheel::server {

constexpr KeyPositions OneKey(uint32_t flags) {
  return {1, 1, 1, flags};
}
constexpr KeyPositions KeyAfterSubcommand(uint32_t flags) {
  return {2, 2, 1, flags};
}
constexpr KeyPositions AllKeys(uint32_t flags) {
  return {1, -1, 1, flags};
}
constexpr KeyPositions TwoKeys(uint32_t flags, uint32_t flags_of_second) {
  return {1, 2, 1, flags, flags_of_second};
}

constexpr Command ContainerRow(std::string_view name, std::string_view group,
                               std::string_view since, std::string_view summary) {
  return {.name = name,
          .arity = -2,
          .group = group,
          .since = since,
          .complexity = "Depends on the subcommand",
          .summary = summary};
}

constexpr Command HelpRow(std::string_view name, std::string_view group, std::string_view since,
                          uint32_t acl) {
  return {.name = name,
          .arity = 2,
          .flags = kLoading | kStale,
          .acl = acl,
          .handler = ContainerHelp,
          .group = group,
          .since = since,
          .summary = "Prints this help."};
}

}  // namespace cartwheel::server
