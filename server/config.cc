#include "server/config.h"

#include <algorithm>

#include <fmt/format.h>

#include "server/config_reader.h"
#include "server/config_table.h"
#include "server/config_text.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

constexpr std::string_view kRewriteMark = "# Added by CONFIG REWRITE";

struct Assignment {
  const Option* option;
  std::string_view name;  // as the client wrote it
  std::string_view value;
};

std::unexpected<std::string> SetFailed(std::string_view name, std::string_view reason) {
  return std::unexpected(
      fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - {}", name, reason));
}

std::expected<std::vector<Assignment>, std::string> FindAssignments(
    std::span<const std::string_view> names_and_values) {
  if (names_and_values.size() % 2 != 0) return std::unexpected("ERR syntax error");
  std::vector<Assignment> assignments;
  for (size_t i = 0; i < names_and_values.size(); i += 2) {
    const std::string_view name = names_and_values[i];
    const Option* option = FindOption(name);
    if (option == nullptr) {
      return std::unexpected(fmt::format(
          "ERR Unknown option or number of arguments for CONFIG SET - '{}'", ShownInError(name)));
    }
    if (option->change == Change::kAtStart) return SetFailed(name, "can't set immutable config");
    if (std::ranges::find(assignments, option, &Assignment::option) != assignments.end()) {
      return SetFailed(name, "duplicate parameter");
    }
    assignments.push_back({option, name, names_and_values[i + 1]});
  }
  return assignments;
}

// Where data live is decided at start: CONFIG SET must not promise what a running node cannot do,
// nor let CONFIG REWRITE prepare a start without the data.
bool DecidesWhereDataLive(const Assignment& assignment) {
  return assignment.option->name == "save" || assignment.option->name == "appendonly";
}

// The lines of a file being rewritten, each with the option it sets.
struct OldFile {
  explicit OldFile(std::string_view text);

  std::vector<std::string_view> lines;
  std::vector<const Option*> options;  // of each line; nullptr: none of ours
  Config config;                       // as the lines say
  std::vector<const Option*> broken;   // options of ill-formed lines
};

OldFile::OldFile(std::string_view text) : lines(SplitLines(text)) {
  std::vector<std::string> ignored;
  ConfigReader reader(config, ignored);
  for (const std::string_view line : lines) {
    const auto words = SplitWords(OptionText(line));
    const bool has_option = words && !words->empty();
    options.push_back(has_option ? FindOption(words->front()) : nullptr);
    if (options.back() != nullptr && !reader.ReadOption(*words, "")) {
      broken.push_back(options.back());
    }
  }
}

bool Contains(const std::vector<const Option*>& options, const Option* option) {
  return std::ranges::find(options, option) != options.end();
}

bool MustReplace(const OldFile& file, const Option& option, const Config& config) {
  return Contains(file.broken, &option) ||
         FormatField(option.field, file.config) != FormatField(option.field, config);
}

void AppendOptionLines(const Option& option, const Config& config, std::string& out) {
  for (const std::string& line : FieldLines(option.field, config)) {
    out += fmt::format("{} {}\n", option.name, line);
  }
}

}  // namespace

storage::Settings StorageSettings(const Config& config) {
  // Below it every few writes would wait for a flush of their own.
  constexpr uint64_t kLeastMemory = 8 << 20;
  constexpr int64_t kMsPerSecond = 1000;
  const uint64_t memory = config.max_memory();
  return {.durability = config.appendfsync,
          .memory_bytes = memory == 0 ? 0 : std::max(memory, kLeastMemory),
          .checkpoint_log_bytes = config.checkpoint_log_size,
          .checkpoint_interval_ms = config.checkpoint_interval * kMsPerSecond,
          .storage_bytes = config.maxstorage};
}

std::expected<void, std::string> ApplyConfigText(std::string_view text, std::string_view name,
                                                 Config& config,
                                                 std::vector<std::string>& ignored) {
  Config changed = config;
  std::vector<std::string> all_ignored = ignored;
  ConfigReader reader(changed, all_ignored);
  if (auto result = reader.ReadText(text, name); !result) return result;
  if (auto result = reader.Finish(); !result) return result;
  config = std::move(changed);
  ignored = std::move(all_ignored);
  return {};
}

std::vector<std::pair<std::string, std::string>> GetConfig(
    const Config& config, std::span<const std::string_view> patterns) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const Option& option : Options()) {
    for (const std::string_view pattern : patterns) {
      // As in Redis a plain name comes back the way the client wrote it.
      const bool named = EqualsIgnoreCase(pattern, option.name);
      if (!named && !GlobMatch(ToLower(pattern), option.name)) continue;
      found.emplace_back(named ? pattern : option.name, FormatField(option.field, config));
      break;
    }
  }
  return found;
}

std::expected<void, std::string> SetConfig(Config& config,
                                           std::span<const std::string_view> names_and_values) {
  const auto assignments = FindAssignments(names_and_values);
  if (!assignments) return std::unexpected(assignments.error());
  Config changed = config;
  for (const Assignment& assignment : *assignments) {
    const auto result = ParseField(assignment.option->field, assignment.value, changed);
    if (!result) return SetFailed(ToLower(assignment.name), result.error().text);
  }
  if (changed.memory_only() != config.memory_only()) {
    const auto cause = std::ranges::find_if(*assignments, DecidesWhereDataLive);
    return SetFailed(cause->name,
                     "whether data are kept on disk is decided when the server starts");
  }
  config = std::move(changed);
  return {};
}

std::string RewriteConfigText(std::string_view old_text, const Config& config) {
  const OldFile file(old_text);
  std::vector<const Option*> replaced;
  std::string out;
  for (size_t i = 0; i < file.lines.size(); ++i) {
    const Option* option = file.options[i];
    if (option == nullptr || !MustReplace(file, *option, config)) {
      out += file.lines[i];
      out += '\n';
    } else if (!Contains(replaced, option)) {
      AppendOptionLines(*option, config, out);
      replaced.push_back(option);
    }
  }
  std::string added;
  for (const Option& option : Options()) {
    if (Contains(file.options, &option) || IsDefault(option.field, config)) continue;
    AppendOptionLines(option, config, added);
  }
  const bool marked = std::ranges::find(file.lines, kRewriteMark) != file.lines.end();
  if (!added.empty() && !marked) out += fmt::format("{}\n", kRewriteMark);
  return out + added;
}

}  // namespace cartwheel::server
