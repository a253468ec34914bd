// Which lines about connections are worth logging: an attempt that fails every few seconds for the
// same reason is told once, and again after ten minutes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace cartwheel::server {

class RepeatedLines {
 public:
  static constexpr int64_t kSilenceUs = 600'000'000;
  // Beyond it the one that was told longest ago is forgotten.
  static constexpr size_t kMaxLines = 1024;

  // True: log it, it has not been told for ten minutes.
  bool IsNews(std::string_view line, int64_t now_us);

 private:
  std::map<std::string, int64_t, std::less<>> told_us_;
};

}  // namespace cartwheel::server
