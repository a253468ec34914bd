#include "server/statistics.h"

#include <numeric>

namespace cartwheel::server {

void Statistics::CountError(std::string_view reply) {
  ++total_error_replies;
  const std::string_view code = reply.substr(0, reply.find_first_of(" \r\n"));
  if (const auto found = errors.find(code); found != errors.end()) {
    ++found->second;
  } else if (errors.size() < kMaxErrorCodes) {
    errors.emplace(code, 1);
  }
}

void Rate::Sample(uint64_t total, int64_t monotonic_us) {
  const int64_t elapsed_us = monotonic_us - last_us_;
  // The first call has nothing to compare with, nor has the one after CONFIG RESETSTAT.
  const bool comparable = last_us_ != 0 && elapsed_us > 0 && total >= last_total_;
  if (comparable) {
    samples_[next_] =
        static_cast<double>(total - last_total_) * 1e6 / static_cast<double>(elapsed_us);
    next_ = (next_ + 1) % kSamples;
  }
  last_total_ = total;
  last_us_ = monotonic_us;
}

double Rate::per_second() const {
  return std::accumulate(samples_.begin(), samples_.end(), 0.0) / kSamples;
}

}  // namespace cartwheel::server
