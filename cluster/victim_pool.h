// The coldest of the records that were looked at and have not been taken yet: Redis's way to come
// near to the coldest of all with a few random looks for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cartwheel::cluster {

struct Victim {
  std::string store_key;
  uint64_t coldness = 0;
};

class VictimPool {
 public:
  explicit VictimPool(size_t most) : most_(most) {}

  // Once in it, or colder than one in it; the least cold makes room.
  void Offer(std::string_view store_key, uint64_t coldness);
  // The coldest; nullopt: none is left.
  std::optional<Victim> Take();

  size_t size() const { return victims_.size(); }
  void Clear() { victims_.clear(); }

 private:
  size_t most_;
  std::vector<Victim> victims_;  // the coldest last
};

}  // namespace cartwheel::cluster
