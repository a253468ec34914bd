// Applies options one after another, from the lines of a file or the words of the command line.
//
// An ill-formed option is an error at once. One that is refused may still be taken back by a later
// setting of the same option, as `--daemonize no` does after a file that says yes; Finish() reports
// those that were not.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/config.h"
#include "server/config_table.h"

namespace cartwheel::server {

class ConfigReader {
 public:
  // Changes `config` and adds names to `ignored`, each once; both must outlive the reader.
  ConfigReader(Config& config, std::vector<std::string>& ignored)
      : config_(config), ignored_(ignored) {}

  // Every line of the text; `name` is the file's in errors.
  std::expected<void, std::string> ReadText(std::string_view text, std::string_view name);

  // One option, words[0] being its name; errors begin with `place` and the name.
  std::expected<void, std::string> ReadOption(std::span<const std::string> words,
                                              std::string_view place);

  // The first refusal that no later option took back.
  std::expected<void, std::string> Finish() const;

 private:
  std::expected<void, std::string> SetField(const Option& option, std::string_view value,
                                            const std::string& prefix);
  void ReadRefused(const RefusedOption& option, const std::string& name, std::string_view value,
                   const std::string& prefix);
  void Ignore(std::string_view name);
  void Refuse(std::string_view name, std::string error);
  void TakeBack(std::string_view name);

  Config& config_;
  std::vector<std::string>& ignored_;
  bool save_given_ = false;
  std::vector<std::pair<std::string, std::string>> refusals_;  // option name, error
};

}  // namespace cartwheel::server
