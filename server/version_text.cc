#include "server/version_text.h"

#include <fmt/format.h>

namespace cartwheel::server {
namespace {

std::string TextOf(cluster::ActorId actor) {
  return fmt::format("{:016x}", static_cast<uint64_t>(actor));
}

}  // namespace

std::string TextOf(cluster::Dot dot) {
  return fmt::format("{}:{}", TextOf(dot.actor), dot.number);
}

std::string TextOf(cluster::Hlc hlc) {
  constexpr uint64_t kLogicalMask = (uint64_t{1} << cluster::Hlc::kLogicalBits) - 1;
  return fmt::format("{}.{}", hlc.unix_ms(), hlc.bits & kLogicalMask);
}

std::string TextOf(const cluster::Context& context) {
  std::string text;
  for (const cluster::Context::Interval& interval : context.intervals()) {
    if (!text.empty()) text += ' ';
    text += fmt::format("{}:{}", TextOf(interval.actor), interval.first);
    if (interval.last != interval.first) text += fmt::format("-{}", interval.last);
  }
  return text.empty() ? "nothing" : text;
}

std::string TextOf(const cluster::Counter& counter) {
  if (!counter.IsLive()) return "none";
  std::string text = fmt::format("{} =", counter.Sum());
  for (const cluster::Counter::Entry& entry : counter.entries()) {
    if (!entry.IsLive()) continue;
    text +=
        fmt::format(" {} +{} -{}", TextOf(entry.first.actor), entry.total.added - entry.reset.added,
                    entry.total.taken - entry.reset.taken);
  }
  return text;
}

std::string ExpiryText(cluster::ExpireAt expire_at, int64_t now_ms) {
  if (expire_at == cluster::kNoExpiry) return "never";
  const int64_t left_ms = expire_at - now_ms;
  return left_ms >= 0 ? fmt::format("in {} ms (at {})", left_ms, expire_at)
                      : fmt::format("{} ms ago (at {})", -left_ms, expire_at);
}

}  // namespace cartwheel::server
