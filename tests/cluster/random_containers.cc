#include "tests/cluster/random_containers.h"

#include <array>

#include "cluster/container_codec.h"

namespace cartwheel::cluster {
namespace {

constexpr size_t kReplicas = 4;
constexpr std::array<std::string_view, 5> kValues = {"", "v", "another value", "17",
                                                     "a value that no small string has room for"};

}  // namespace

RandomContainers::RandomContainers(uint64_t seed, int writes) : replicas_(kReplicas) {
  Random random(seed);
  states_.emplace_back();
  for (int i = 1; i <= writes; ++i) {
    const size_t replica = random.Below(kReplicas);
    const size_t taken_in = random.Below(3);
    for (size_t j = 0; j < taken_in; ++j) {
      const bool own = replicas_[replica].own_contiguous;
      replicas_[replica] = Sync(replicas_[replica], Pick(random));
      replicas_[replica].own_contiguous = own;
    }
    Write(random, replica, static_cast<uint64_t>(i));
    states_.push_back(replicas_[replica]);
    states_.back().own_contiguous = false;
  }
}

void RandomContainers::Write(Random& random, size_t replica, uint64_t number) {
  Container& container = replicas_[replica];
  // Ids without an order that the replicas' numbers would have.
  const Dot dot{ActorId{Random(replica).Next()}, number * 1000};
  const uint64_t kind = random.Below(10);
  if (kind < 4) {
    Increment(container, dot, static_cast<int64_t>(random.Below(100)) - 40);
    return;
  }
  if (kind < 6) {
    DiscardAll(container);
  } else {
    Discard(container, SeenOf(Pick(random)));
  }
  if (kind == 7) {
    NoteDeletion(container, dot);
  } else {
    Put(container, {.dot = dot,
                    .value_dot = dot,
                    .hlc = Hlc{random.Below(1 << 20)},
                    .expire_at = random.Percent(30) ? static_cast<ExpireAt>(number) : kNoExpiry,
                    .bytes = kValues[random.Below(kValues.size())]});
  }
}

std::string MessageOf(const Container& container) {
  std::string bytes;
  EncodeToMessage(container, bytes);
  return bytes;
}

}  // namespace cartwheel::cluster
