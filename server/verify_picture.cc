#include "server/verify_picture.h"

#include <string_view>
#include <vector>

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

}  // namespace

std::string VerifyPicture(const cluster::Verified& verified) {
  const std::string all = std::to_string(cluster::kPartitions);
  std::string text;
  if (verified.equal == cluster::kPartitions) {
    return "all owners of each of the " + all + " partitions hold the same\n";
  }
  text = "of " + all + " partitions " + std::to_string(verified.equal) +
         " are the same at all their owners\n";
  text += Line("different", verified.different,
               "CLUSTER REPAIR makes them equal, unless they are only being written to now");
  text += Line("not known", verified.unknown,
               "an owner was not reached, rebuilds, or still reads its records: ask again");
  text += Line("moving", verified.moving, "to other owners: ask again when they have");
  return text;
}

}  // namespace cartwheel::server
