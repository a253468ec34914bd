#include "tests/sim/story.h"

#include <algorithm>
#include <cstdio>
#include <map>

namespace cartwheel::sim {
namespace {

constexpr size_t kShownBytes = 60;
constexpr size_t kMostLines = 400;

std::string Short(const std::string& text) {
  std::string line = text.substr(0, kShownBytes);
  std::ranges::replace(line, '\n', ' ');
  return text.size() > kShownBytes ? line + "..." : line;
}

std::string Seconds(int64_t us) {
  char text[32];
  std::snprintf(text, sizeof(text), "%10.6f", static_cast<double>(us) / 1e6);
  return text;
}

std::string_view NameOf(Kind kind) {
  switch (kind) {
    case Kind::kGet: return "GET";
    case Kind::kSet: return "SET";
    case Kind::kDelete: return "DEL";
    case Kind::kIncrement: return "INCRBY";
    case Kind::kReadSiblings: return "DYN.GET";
    case Kind::kWriteContext: return "DYN.SET";
    case Kind::kDeleteContext: return "DYN.DEL";
    case Kind::kList: return "KEYS";
    case Kind::kWait: return "WAIT";
  }
  return "?";
}

std::string Line(const Operation& operation) {
  std::string line = "client " + std::to_string(operation.client) + " (connection " +
                     std::to_string(operation.connection) + ") at node " +
                     std::to_string(operation.node) + ": " + std::string(NameOf(operation.kind)) +
                     " " + operation.key;
  if (!operation.value.empty()) line += " " + Short(operation.value);
  if (operation.delta != 0) line += " " + std::to_string(operation.delta);
  if (!operation.observed.empty()) {
    line += " having read";
    for (const std::string& value : operation.observed) line += " " + Short(value);
  }
  if (operation.returned_us == kNever) return line + " -> no reply";
  line += " -> " + (operation.kind == Kind::kReadSiblings ? "" : Short(operation.reply));
  if (operation.kind == Kind::kReadSiblings) {
    for (const std::string& value : operation.values) line += Short(value) + " ";
  }
  line += " after " + std::to_string((operation.returned_us - operation.invoked_us) / 1000) + " ms";
  if (operation.outcome == Outcome::kUncertain) line += " (uncertain)";
  return line;
}

}  // namespace

std::string TellStory(const Evidence& evidence, const std::string& key,
                      const std::vector<std::pair<int64_t, std::string>>& told) {
  std::vector<std::pair<int64_t, std::string>> lines = told;
  for (const Operation& operation : evidence.history) {
    if (!key.empty() && operation.key != key) continue;
    lines.emplace_back(operation.invoked_us, Line(operation));
  }
  // In the order of their times, those of one time as they came.
  const std::multimap<int64_t, std::string> sorted(lines.begin(), lines.end());
  lines.assign(sorted.begin(), sorted.end());
  std::string story;
  for (size_t i = 0; i < lines.size() && i < kMostLines; ++i) {
    story += "  " + Seconds(lines[i].first) + "  " + lines[i].second + "\n";
  }
  const auto end = evidence.end.find(key);
  if (end == evidence.end.end()) return story;
  story += "  at the end:";
  for (const std::string& value : end->second.live) story += " " + Short(value);
  if (end->second.sum != 0) story += " sum " + std::to_string(end->second.sum);
  return story + "\n";
}

}  // namespace cartwheel::sim
