// The command line, and the files it names.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "server/cluster_config.h"
#include "server/config.h"
#include "server/config_reader.h"
#include "server/config_text.h"

namespace cartwheel::server {
namespace {

using Action = CommandLine::Action;
using Result = std::expected<void, std::string>;

// No configuration comes near it; a wrong path such as /dev/zero does.
constexpr size_t kMaxConfigBytes = 1 << 20;

std::expected<std::string, std::string> ReadAll(std::FILE* file, std::string_view name) {
  std::string text(kMaxConfigBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file));
  if (std::ferror(file) != 0) {
    return std::unexpected(
        fmt::format("can't read config file '{}': {}", name, std::strerror(errno)));
  }
  if (text.size() > kMaxConfigBytes) {
    return std::unexpected(fmt::format("config file '{}' is larger than 1 MiB", name));
  }
  return text;
}

std::expected<std::string, std::string> ReadFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (!file) {
    return std::unexpected(
        fmt::format("can't open config file '{}': {}", path, std::strerror(errno)));
  }
  return ReadAll(file.get(), path);
}

std::string AbsolutePath(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

// The words sorted into what they are; nothing is read or applied yet.
struct Words {
  Action action = Action::kServe;
  std::string file;
  std::string data_to_check;
  bool reads_stdin = false;
  std::vector<std::vector<std::string>> options;  // name without --, values
};

class WordSorter {
 public:
  Result Sort(std::span<const std::string> args) {
    for (size_t i = 0; i < args.size(); ++i) {
      const bool at_end = i == 0 || i + 1 == args.size();
      if (at_end && args[i] == "-") {
        words_.reads_stdin = true;
      } else if (i == 0 && (args[i] == "-h" || args[i] == "-v")) {
        words_.action = args[i] == "-h" ? Action::kHelp : Action::kVersion;
      } else if (args[i].starts_with("--")) {
        TakeName(args[i]);
      } else if (Result result = TakeValue(args[i]); !result) {
        return result;
      }
    }
    return {};
  }

  Words Take() { return std::move(words_); }

 private:
  void TakeName(const std::string& word) {
    open_ = false;
    wants_directory_ = word == "--check-data";
    if (word == "--help") {
      words_.action = Action::kHelp;
    } else if (word == "--version") {
      words_.action = Action::kVersion;
    } else if (word == "--check-config") {
      words_.action = Action::kCheckConfig;
    } else if (word == "--check-data") {
      words_.action = Action::kCheckData;
    } else {
      words_.options.push_back({word.substr(2)});
      open_ = true;
    }
  }

  Result TakeValue(const std::string& word) {
    if (std::exchange(wants_directory_, false)) {
      words_.data_to_check = word;
    } else if (open_) {
      words_.options.back().push_back(word);
    } else if (words_.file.empty() && !word.empty() && !word.starts_with('-')) {
      words_.file = word;
    } else {
      return std::unexpected(fmt::format("command line: unexpected word {}", QuoteWord(word)));
    }
    return {};
  }

  Words words_;
  bool open_ = false;             // the last option takes more values
  bool wants_directory_ = false;  // of --check-data
};

Result ReadSources(const Words& words, ConfigReader& reader, Config& config) {
  if (!words.file.empty()) {
    config.config_file = AbsolutePath(words.file);
    const auto text = ReadFile(config.config_file);
    if (!text) return std::unexpected(text.error());
    if (Result result = reader.ReadText(*text, words.file); !result) return result;
  }
  if (words.reads_stdin) {
    const auto text = ReadAll(stdin, "standard input");
    if (!text) return std::unexpected(text.error());
    if (Result result = reader.ReadText(*text, "standard input"); !result) return result;
  }
  for (std::vector<std::string> option : words.options) {
    // As in Redis `--save` alone is `--save ""`.
    if (option.size() == 1 && option[0] == "save") option.emplace_back();
    if (Result result = reader.ReadOption(option, "command line: --"); !result) return result;
  }
  if (Result result = reader.Finish(); !result) return result;
  // What no option says alone.
  if (auto cluster = ClusterConfigOf(config); !cluster) return std::unexpected(cluster.error());
  return {};
}

}  // namespace

std::expected<CommandLine, std::string> ParseCommandLine(std::span<const std::string> args) {
  WordSorter sorter;
  if (Result result = sorter.Sort(args); !result) return std::unexpected(result.error());
  const Words words = sorter.Take();
  CommandLine line;
  line.action = words.action;
  if (line.action == Action::kHelp || line.action == Action::kVersion) return line;
  line.data_to_check = words.data_to_check;
  // A directory that is named needs no configuration, which may be as broken as the data.
  if (!line.data_to_check.empty()) return line;
  ConfigReader reader(line.config, line.ignored);
  if (Result result = ReadSources(words, reader, line.config); !result) {
    return std::unexpected(result.error());
  }
  if (line.action == Action::kCheckData) line.data_to_check = line.config.dir;
  return line;
}

}  // namespace cartwheel::server
