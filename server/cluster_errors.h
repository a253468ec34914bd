// The error replies of a cluster. Their first words say what a client may do: NOREPLICAS, nothing
// was done, try again; UNCERTAIN, it may have been done; CLUSTERDOWN, nothing was changed, and
// clients that know clusters try again by themselves.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cluster/read_quorum.h"
#include "cluster/write_quorum.h"

namespace cartwheel::server {

inline constexpr std::string_view kTooManyRequests =
    "BUSY this node has too many requests under way that wait for other nodes; nothing was done";
// A copy is one frame; beside the arguments it carries what the key's record says already.
inline constexpr size_t kMaxReplicatedBytes = 60UL << 20;
inline constexpr std::string_view kTooLongToReplicate =
    "ERR the arguments are longer than the 60 MiB that one message between nodes can hold";

inline constexpr std::string_view kUnformed =
    "CLUSTERDOWN this node is not yet a member of a cluster; nothing was done. Its log says whom "
    "it "
    "waits for";
inline constexpr std::string_view kCoordinatorLost =
    "CLUSTERDOWN the node that serves this key was lost before it answered; nothing was changed";
inline constexpr std::string_view kWriteOfLostCoordinator =
    "UNCERTAIN acked=0 need=1 the node that serves this key was lost before it answered";
inline constexpr std::string_view kNothingWritten =
    "ERR the context names what was never written here; get a new one with DYN.GET";
inline constexpr std::string_view kNotForwardable =
    "ERR another node passed on what this one cannot run; are all of the same version?";

std::string DescribeFailedRead(const cluster::ReadOutcome& outcome);
std::string DescribeFailedWrite(const cluster::WriteOutcome& outcome);

}  // namespace cartwheel::server
