// Durations of one command in buckets whose width grows with the value: 16 for each power of two,
// so that a percentile is off by at most 6.25 %. 1 us to 2^40 us; anything longer counts as the
// last bucket.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cartwheel::server {

class DurationHistogram {
 public:
  void Record(int64_t microseconds);
  uint64_t count() const { return count_; }
  // The upper edge of the bucket that holds the p-th percentile, 0 < p <= 100; 0 while empty.
  int64_t Percentile(double p) const;
  // How many took at most `microseconds`, by bucket: as LATENCY HISTOGRAM shows for powers of two.
  uint64_t CountAtMost(int64_t microseconds) const;
  void Reset() { *this = {}; }

 private:
  static constexpr int kSubBucketBits = 4;
  static constexpr int kMaxExponent = 40;
  // Below 2^kSubBucketBits every value has its own bucket, together as many as one power of two.
  static constexpr size_t kBuckets = (kMaxExponent - kSubBucketBits + 2) << kSubBucketBits;
  static size_t BucketOf(int64_t microseconds);
  static int64_t UpperEdge(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
};

}  // namespace cartwheel::server
