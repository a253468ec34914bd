// The error replies of a cluster. Their first words say what a client may do: NOREPLICAS, nothing
// was done, try again; UNCERTAIN, it may have been done; CLUSTERDOWN, nothing was changed, and
// clients that know clusters try again by themselves. Under cluster-redirect, in Redis Cluster's
// words: MOVED, ask there; CROSSSLOT, take the keys apart.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "cluster/read_quorum.h"
#include "cluster/slot.h"
#include "cluster/write_quorum.h"
#include "resp/reply_writer.h"
#include "server/cluster_map.h"

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
inline constexpr std::string_view kTakenOut =
    "CLUSTERDOWN this node was taken out of its cluster; nothing was done. CLUSTER MEET lets it in "
    "again";
inline constexpr std::string_view kCoordinatorLost =
    "CLUSTERDOWN the node that serves this key was lost before it answered; nothing was changed";
inline constexpr std::string_view kWriteOfLostCoordinator =
    "UNCERTAIN acked=0 need=1 the node that serves this key was lost before it answered";
inline constexpr std::string_view kNothingWritten =
    "ERR the context names what was never written here; get a new one with DYN.GET";
inline constexpr std::string_view kNotForwardable =
    "ERR another node passed on what this one cannot run; are all of the same version?";

inline constexpr std::string_view kCrossSlot =
    "CROSSSLOT Keys in request don't hash to the same slot";

std::string Moved(cluster::Slot slot, const ClientAddress& to);
// MOVED or CROSSSLOT.
bool IsRedirection(std::string_view error);

// As a whole reply.
std::string ErrorReply(std::string_view error, resp::Protocol protocol);

// `in_cluster`: whether the node that read still is.
std::string DescribeFailedRead(const cluster::ReadOutcome& outcome, bool in_cluster);
std::string DescribeFailedWrite(const cluster::WriteOutcome& outcome);

}  // namespace cartwheel::server
