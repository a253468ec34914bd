// The one table of options: the file, the command line, CONFIG GET/SET/REWRITE and the
// documentation all read it.
//
// Besides the options that do something there are Redis's options without effect here, which are
// accepted, and those whose meaning would be silently broken, which are refused.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "server/config_field.h"

namespace cartwheel::server {

enum class ConfigSection : uint8_t { kNetwork, kStorage, kCluster, kLogging, kCompatibility };
enum class Change : uint8_t { kAtStart, kAnyTime };  // kAnyTime: CONFIG SET takes it

struct Option {
  std::string_view name;
  ConfigSection section;
  Change change;
  Field field;
  std::string_view help;
};

// An option of Redis that means something other than "nothing" here unless it has the harmless
// value.
struct RefusedOption {
  std::string_view name;  // a trailing * stands for any ending
  std::optional<std::string_view> harmless;
  std::string_view reason;
};

std::span<const Option> Options();
std::span<const std::string_view> IgnoredOptions();
std::span<const RefusedOption> RefusedOptions();

// `name` in any case; nullptr or false when there is none.
const Option* FindOption(std::string_view name);
const RefusedOption* FindRefusedOption(std::string_view name);
bool IsIgnoredOption(std::string_view name);

// The known name nearest to a mistyped one by edit distance; "" when none is close enough to be
// what was meant.
std::string_view NearestOption(std::string_view name);

}  // namespace cartwheel::server
