// The input as a configuration file. What is accepted must survive being written out and read
// again, rewriting it unchanged must change nothing, and rewriting it to the defaults must give the
// defaults; what is refused must leave the configuration alone and name the line.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config.h"
#include "server/config_text.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using namespace cartwheel::server;
using cartwheel::fuzz::Require;
using Values = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view kName = "fuzz.conf";

Values AllValues(const Config& config) {
  constexpr std::string_view kAll[] = {"*"};
  return GetConfig(config, kAll);
}

bool Same(const Config& a, const Config& b) {
  return AllValues(a) == AllValues(b) && a.memory_only() == b.memory_only();
}

Config Reread(std::string_view text) {
  Config config;
  std::vector<std::string> ignored;
  Require(ApplyConfigText(text, kName, config, ignored).has_value(), "what we write, we read");
#ifdef CARTWHEEL_CANARY
  // The planted fault: of three addresses the last is lost. No seed has three.
  if (config.bind.size() == 3) config.bind.pop_back();
#endif
  return config;
}

void CheckAccepted(std::string_view text, const Config& config) {
  Require(Same(Reread(RewriteConfigText("", config)), config), "a new file says the same");
  std::string unchanged(text);
  if (!unchanged.empty() && !unchanged.ends_with('\n')) unchanged += '\n';
  Require(RewriteConfigText(text, config) == unchanged, "nothing changed, nothing rewritten");
  Require(Same(Reread(RewriteConfigText(text, Config{})), Config{}), "defaults can be restored");
}

void CheckRefused(const std::string& error, const Config& config,
                  const std::vector<std::string>& ignored) {
  Require(error.starts_with(std::string(kName) + ":"), "an error names the file");
  Require(Same(config, Config{}) && ignored.empty(), "an error changes nothing");
}

// Each line's words as the arguments of one CONFIG SET.
void CheckSet(std::string_view line) {
  const auto words = SplitWords(line);
  if (!words) return;
  for (const std::string& word : *words) {
    const auto again = SplitWords(QuoteWord(word));
    Require(again && again->size() == 1 && again->front() == word, "a quoted word is the word");
  }
  Config config;
  const std::vector<std::string_view> arguments(words->begin(), words->end());
  const auto result = SetConfig(config, arguments);
  if (result) {
    Require(Same(Reread(RewriteConfigText("", config)), config), "CONFIG SET can be rewritten");
  } else {
    Require(result.error().starts_with("ERR "), "an error is a reply");
    Require(Same(config, Config{}), "CONFIG SET changes all or none");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Config config;
  std::vector<std::string> ignored;
  const auto result = ApplyConfigText(text, kName, config, ignored);
  if (result) {
    CheckAccepted(text, config);
  } else {
    CheckRefused(result.error(), config, ignored);
  }
  constexpr size_t kCheckedLines = 8;  // more of them only slow the fuzzer down
  std::vector<std::string_view> lines = SplitLines(text);
  lines.resize(std::min(lines.size(), kCheckedLines));
  for (const std::string_view line : lines) CheckSet(line);
  return 0;
}
