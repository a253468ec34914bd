#include "server/repeated_lines.h"

#include <algorithm>

namespace cartwheel::server {

bool RepeatedLines::IsNews(std::string_view line, int64_t now_us) {
  const auto found = told_us_.find(line);
  if (found != told_us_.end()) {
    const bool news = now_us - found->second >= kSilenceUs;
    if (news) found->second = now_us;
    return news;
  }
  if (told_us_.size() >= kMaxLines) {
    told_us_.erase(
        std::ranges::min_element(told_us_, {}, [](const auto& entry) { return entry.second; }));
  }
  told_us_.emplace(line, now_us);
  return true;
}

}  // namespace cartwheel::server
