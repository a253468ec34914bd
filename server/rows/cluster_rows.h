// Rows of the command table: commands on the cluster.
#pragma once

#include "server/handlers.h"
#include "server/rows/row_helpers.h"

namespace cartwheel::server {

inline constexpr Command kClusterRows[] = {
    {.name = "asking",
     .arity = 1,
     .flags = kFast,
     .acl = kAclConnection,
     .handler = ClusterDisabled,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Sent by cluster clients after a redirection.",
     .support = Command::Support::kDifferent,
     .note = "As a Redis whose cluster mode is off: always that error."},
    {.name = "cluster",
     .arity = -2,
     .handler = ClusterDisabled,
     .group = "cluster",
     .since = "3.0.0",
     .complexity = "Depends on the subcommand",
     .syntax = "subcommand [argument [argument ...]]",
     .summary = "The cluster and its slots.",
     .support = Command::Support::kDifferent,
     .note = "As a Redis whose cluster mode is off: always that error, for every subcommand."},
    {.name = "readonly",
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .acl = kAclConnection,
     .handler = ClusterDisabled,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Allows reads at a replica of a cluster.",
     .support = Command::Support::kDifferent,
     .note = "As a Redis whose cluster mode is off: always that error."},
    {.name = "readwrite",
     .arity = 1,
     .flags = kLoading | kStale | kFast,
     .acl = kAclConnection,
     .handler = ClusterDisabled,
     .group = "cluster",
     .since = "3.0.0",
     .summary = "Ends READONLY.",
     .support = Command::Support::kDifferent,
     .note = "As a Redis whose cluster mode is off: always that error."},
};

}  // namespace cartwheel::server
