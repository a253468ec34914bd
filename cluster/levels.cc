#include "cluster/levels.h"

#include <algorithm>

namespace cartwheel::cluster {

std::string_view NameOf(Level level) {
  switch (level) {
    case Level::kR: return "R";
    case Level::kW: return "W";
    case Level::kPR: return "PR";
    case Level::kPW: return "PW";
    case Level::kDW: return "DW";
  }
  return "?";
}

Levels Levels::Over(size_t owners) const {
  Levels over = *this;
  over.n = static_cast<uint8_t>(std::min<size_t>(n, owners));
  for (uint8_t* level : {&over.r, &over.w, &over.pr, &over.pw, &over.dw}) {
    *level = std::min(*level, over.n);
  }
  return over;
}

std::expected<void, std::string> Validate(const Levels& levels) {
  if (levels.n < 1 || levels.n > kMaxCopies) {
    return std::unexpected("N must be between 1 and " + std::to_string(kMaxCopies) + ", not " +
                           std::to_string(levels.n));
  }
  struct Bound {
    Level level;
    uint8_t least;
    uint8_t value;
  };
  const Bound bounds[] = {{Level::kR, 1, levels.r},
                          {Level::kW, 1, levels.w},
                          {Level::kPR, 0, levels.pr},
                          {Level::kPW, 0, levels.pw},
                          {Level::kDW, 0, levels.dw}};
  for (const auto& [level, least, value] : bounds) {
    if (value >= least && value <= levels.n) continue;
    return std::unexpected(std::string(NameOf(level)) + " must be between " +
                           std::to_string(least) + " and N=" + std::to_string(levels.n) + ", not " +
                           std::to_string(value));
  }
  return {};
}

}  // namespace cartwheel::cluster
