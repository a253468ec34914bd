#include "cluster/owned_container.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace cartwheel::cluster {

OwnedContainer::OwnedContainer(Container container) : container_(std::move(container)) {
  size_t total = 0;
  for (const Version& version : container_.versions) total += version.bytes.size();
  bytes_ = std::make_unique_for_overwrite<char[]>(total);
  char* at = bytes_.get();
  for (Version& version : container_.versions) {
    char* const end = std::ranges::copy(version.bytes, at).out;
    version.bytes = {at, version.bytes.size()};
    at = end;
  }
}

}  // namespace cartwheel::cluster
