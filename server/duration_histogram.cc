#include "server/duration_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cartwheel::server {

void DurationHistogram::Record(int64_t microseconds) {
  ++buckets_[BucketOf(microseconds)];
  ++count_;
}

int64_t DurationHistogram::Percentile(double p) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<uint64_t>(std::llround(p / 100 * static_cast<double>(count_)));
  const uint64_t wanted = std::clamp<uint64_t>(rank, 1, count_);
  uint64_t seen = 0;
  size_t bucket = 0;
  while ((seen += buckets_[bucket]) < wanted) ++bucket;
  return UpperEdge(bucket);
}

uint64_t DurationHistogram::CountAtMost(int64_t microseconds) const {
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket <= BucketOf(microseconds); ++bucket) seen += buckets_[bucket];
  return seen;
}

size_t DurationHistogram::BucketOf(int64_t microseconds) {
  constexpr uint64_t kLongest = (uint64_t{2} << kMaxExponent) - 1;
  const uint64_t value = std::min<uint64_t>(std::max<int64_t>(microseconds, 0), kLongest);
  if (value < (uint64_t{1} << kSubBucketBits)) return value;
  const int shift = std::bit_width(value) - 1 - kSubBucketBits;
  // value >> shift has its top bit set: it counts the buckets of one power of two along.
  return (static_cast<size_t>(shift) << kSubBucketBits) + (value >> shift);
}

int64_t DurationHistogram::UpperEdge(size_t bucket) {
  constexpr size_t kPerPower = size_t{1} << kSubBucketBits;
  if (bucket < 2 * kPerPower) return static_cast<int64_t>(bucket);
  const size_t shift = bucket / kPerPower - 1;
  return static_cast<int64_t>(((bucket % kPerPower + kPerPower + 1) << shift) - 1);
}

}  // namespace cartwheel::server
