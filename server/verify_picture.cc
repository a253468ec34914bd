#include "server/verify_picture.h"

#include <map>
#include <string_view>
#include <vector>

#include "server/text.h"

namespace cartwheel::server {
namespace {

// "3 7-9 12"
std::string Ranges(const std::vector<cluster::Partition>& partitions) {
  std::string text;
  for (size_t i = 0; i < partitions.size();) {
    size_t last = i;
    while (last + 1 < partitions.size() && partitions[last + 1] == partitions[last] + 1) ++last;
    text += ' ' + std::to_string(partitions[i]);
    if (last > i) text += '-' + std::to_string(partitions[last]);
    i = last + 1;
  }
  return text;
}

std::string Line(std::string_view what, const std::vector<cluster::Partition>& partitions,
                 std::string_view why) {
  if (partitions.empty()) return {};
  return std::string(what) + ":" + Ranges(partitions) + "\n  " + std::string(why) + "\n";
}

// "nodes 1 2", "node 3"
std::string Nodes(const std::vector<cluster::NodeId>& nodes) {
  std::string text = nodes.size() == 1 ? "node" : "nodes";
  for (const cluster::NodeId node : nodes) {
    text += ' ' + std::to_string(static_cast<uint64_t>(node));
  }
  return text;
}

// Who has the same stands together; who has nothing last.
std::string Line(const cluster::DifferingKey& key) {
  std::map<cluster::RecordDigest, std::vector<cluster::NodeId>> by_digest;
  std::vector<cluster::NodeId> without;
  for (const auto& [node, digest] : key.at) {
    (digest == 0 ? without : by_digest[digest]).push_back(node);
  }
  std::string text = "  " + Quoted(key.key) + " (database " + std::to_string(key.database) +
                     ", partition " + std::to_string(key.partition) + "):";
  const char* how = by_digest.size() > 1 ? " hold one thing" : " hold it";
  for (const auto& [digest, nodes] : by_digest) {
    text += ' ' + Nodes(nodes) + how + ',';
    how = " another";
  }
  if (!without.empty()) text += ' ' + Nodes(without) + " nothing,";
  text.back() = '\n';
  return text;
}

std::string KeyLines(const cluster::DifferingKeys::Result& result) {
  std::string text = "keys that differ:";
  text += result.keys.empty() ? " none were found any more\n" : "\n";
  for (const cluster::DifferingKey& key : result.keys) text += Line(key);
  if (result.more) text += "  and more, which are not looked for\n";
  return text + Line("keys not known", result.unknown, "an owner did not tell which: ask again");
}

}  // namespace

std::string VerifyPicture(const cluster::Verified& verified,
                          const std::optional<cluster::DifferingKeys::Result>& keys) {
  const std::string all = std::to_string(cluster::kPartitions);
  std::string text;
  if (verified.equal == cluster::kPartitions) {
    return "all owners of each of the " + all + " partitions hold the same\n";
  }
  text = "of " + all + " partitions " + std::to_string(verified.equal) +
         " are the same at all their owners\n";
  text += Line("different", verified.different,
               "CLUSTER REPAIR makes them equal, unless they are only being written to now");
  if (keys) text += KeyLines(*keys);
  text += Line("not known", verified.unknown,
               "an owner was not reached, rebuilds, or still reads its records: ask again");
  text += Line("moving", verified.moving, "to other owners: ask again when they have");
  return text;
}

}  // namespace cartwheel::server
