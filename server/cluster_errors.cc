#include "server/cluster_errors.h"

namespace cartwheel::server {
namespace {

std::string Reached(cluster::Level level, int reached, int needed) {
  return std::string(cluster::NameOf(level)) + "=" + std::to_string(needed) + " was asked for, " +
         std::to_string(reached) + " replicas ";
}

}  // namespace

std::string Moved(cluster::Slot slot, const ClientAddress& to) {
  return "MOVED " + std::to_string(slot) + " " + to.host + ":" + std::to_string(to.port);
}

bool IsRedirection(std::string_view error) {
  return error == kCrossSlot || error.starts_with("MOVED ");
}

std::string ErrorReply(std::string_view error, resp::Protocol protocol) {
  std::string bytes;
  resp::ReplyWriter(bytes, protocol).Error(error);
  return bytes;
}

std::string DescribeFailedRead(const cluster::ReadOutcome& outcome, bool in_cluster) {
  if (!in_cluster) return std::string(kTakenOut);
  return "CLUSTERDOWN " + Reached(outcome.level, outcome.reached, outcome.needed) + "answered";
}

std::string DescribeFailedWrite(const cluster::WriteOutcome& outcome) {
  using Kind = cluster::WriteOutcome::Kind;
  const std::string reached = Reached(outcome.level, outcome.reached, outcome.needed);
  switch (outcome.kind) {
    case Kind::kNoReplicas: return "NOREPLICAS " + reached + "can be reached; nothing was done";
    case Kind::kUncertain:
      return "UNCERTAIN acked=" + std::to_string(outcome.reached) +
             " need=" + std::to_string(outcome.needed) +
             " the write is stored on some replicas and may spread to the others";
    case Kind::kNotStored:
      return "MISCONF the data directory failed and nothing of this command was kept";
    case Kind::kAcknowledged: break;
  }
  return "";
}

}  // namespace cartwheel::server
