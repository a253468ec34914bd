#include "server/config_field.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/cluster_config.h"
#include "server/config_text.h"
#include "server/eviction_policies.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

using Result = std::expected<void, FieldError>;

// The order of Config::client_output_buffer_limit. Redis still shows the old name of replicas.
constexpr std::array<std::string_view, 3> kClientClasses = {"normal", "slave", "pubsub"};

std::unexpected<FieldError> IllFormed(std::string text) {
  return std::unexpected(FieldError{FieldError::Kind::kIllFormed, std::move(text)});
}

template <class T>
std::unexpected<FieldError> OutOfBounds(T min, T max) {
  return IllFormed(fmt::format("argument must be between {} and {} inclusive", min, max));
}

std::unexpected<FieldError> NotOneOf(std::span<const std::string_view> names) {
  return IllFormed(
      fmt::format("argument(s) must be one of the following: {}", fmt::join(names, ", ")));
}

std::vector<std::string_view> SpaceSeparated(std::string_view value) {
  std::vector<std::string_view> words;
  while (!value.empty()) {
    const size_t end = std::min(value.find(' '), value.size());
    if (end > 0) words.push_back(value.substr(0, end));
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return words;
}

std::optional<bool> ParseBool(std::string_view value) {
  if (EqualsIgnoreCase(value, "yes")) return true;
  if (EqualsIgnoreCase(value, "no")) return false;
  return std::nullopt;
}

std::optional<double> ParseDouble(std::string_view value) {
  double number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::string_view YesNo(bool value) {
  return value ? "yes" : "no";
}

std::string DescribeText(const TextField& field) {
  switch (field.rule) {
    case TextField::Rule::kAny: break;
    case TextField::Rule::kPath:
    case TextField::Rule::kRequiredPath: return "a path";
    case TextField::Rule::kAddress: return "an address";
  }
  return "text";
}

template <class E>
std::vector<std::string_view> ChoiceNames(const ChoiceField<E>& field) {
  std::vector<std::string_view> names;
  for (const auto& [name, unused] : field.choices) names.push_back(name);
  return names;
}

// One overload a kind; the variant makes a missing one a compile error.
struct Parser {
  std::string_view value;
  Config& config;

  Result operator()(const BoolField& field) const {
    const std::optional<bool> parsed = ParseBool(value);
    if (!parsed) return IllFormed("argument must be 'yes' or 'no'");
    config.*field.member = *parsed;
    return {};
  }

  template <class T>
  Result operator()(const NumberField<T>& field) const {
    const std::optional<int64_t> parsed = ParseInteger(value);
    if (!parsed) return IllFormed("argument couldn't be parsed into an integer");
    if (*parsed < field.min || *parsed > field.max) return OutOfBounds(field.min, field.max);
    config.*field.member = static_cast<T>(*parsed);
    return {};
  }

  Result operator()(const MemoryField& field) const {
    const std::optional<uint64_t> parsed = ParseMemory(value);
    if (!parsed) return IllFormed("argument must be a memory value");
    if (*parsed < field.min || *parsed > field.max) return OutOfBounds(field.min, field.max);
    config.*field.member = *parsed;
    return {};
  }

  Result operator()(const PermissionField& field) const {
    constexpr unsigned kMax = 0777;
    unsigned parsed = 0;
    const char* end = value.data() + value.size();
    const auto [stop, error] = std::from_chars(value.data(), end, parsed, 8);
    if (error == std::errc::invalid_argument || stop != end) {
      return IllFormed("argument couldn't be parsed as an octal number");
    }
    if (error != std::errc() || parsed > kMax) {
      return IllFormed("argument must be between 0 and 777 inclusive");
    }
    config.*field.member = static_cast<int>(parsed);
    return {};
  }

  Result operator()(const TextField& field) const {
    if (field.rule != TextField::Rule::kAny && value.contains('\0')) {
      return IllFormed(DescribeText(field) + " cannot hold a NUL byte");
    }
    if (field.rule == TextField::Rule::kRequiredPath && value.empty()) {
      return IllFormed("the path must not be empty");
    }
    config.*field.member = value;
    return {};
  }

  template <class E>
  Result operator()(const ChoiceField<E>& field) const {
    for (const auto& [name, choice] : field.choices) {
      if (!EqualsIgnoreCase(name, value)) continue;
      config.*field.member = choice;
      return {};
    }
    return NotOneOf(ChoiceNames(field));
  }

  Result operator()(const FixedField& field) const {
    if (EqualsIgnoreCase(value, field.value)) return {};
    if (!field.refusal.empty()) {
      return std::unexpected(
          FieldError{FieldError::Kind::kUnsupported, std::string(field.refusal)});
    }
    return std::unexpected(FieldError{FieldError::Kind::kNoEffect,
                                      fmt::format("it is always '{}' here", field.value)});
  }

  Result operator()(MaxMemoryField) const {
    const std::optional<uint64_t> parsed = ParseMemory(value);
    if (!parsed) return IllFormed("argument must be a memory value");
    config.maxmemory = parsed;
    return {};
  }

  Result operator()(AppendOnlyField) const {
    const std::optional<bool> parsed = ParseBool(value);
    if (!parsed) return IllFormed("argument must be 'yes' or 'no'");
    config.appendonly = *parsed;
    config.appendonly_given = true;
    return {};
  }

  Result operator()(BindField) const {
    const std::vector<std::string_view> words = SpaceSeparated(value);
    if (words.size() > kMaxBindAddresses) return IllFormed("Too many bind addresses specified.");
    if (value.contains('\0')) return IllFormed("an address cannot hold a NUL byte");
    config.bind.assign(words.begin(), words.end());
    return {};
  }

  Result operator()(MembersField) const {
    const std::vector<std::string_view> views = SpaceSeparated(value);
    std::vector<std::string> words(views.begin(), views.end());
    if (auto members = ParseMembers(words); !members) return IllFormed(members.error());
    config.cluster_nodes = std::move(words);
    return {};
  }

  Result operator()(AddressesField) const {
    std::string spaced(value);
    std::ranges::replace(spaced, ',', ' ');
    const std::vector<std::string_view> views = SpaceSeparated(spaced);
    std::vector<std::string> words(views.begin(), views.end());
    if (auto addresses = ParseAddresses(words); !addresses) return IllFormed(addresses.error());
    config.cluster_join = std::move(words);
    return {};
  }

  Result operator()(SaveField) const {
    const std::vector<std::string_view> words = SpaceSeparated(value);
    std::vector<int64_t> numbers;
    for (const std::string_view word : words) {
      const std::optional<int64_t> number = ParseInteger(word);
      const int64_t min = numbers.size() % 2 == 0 ? 1 : 0;  // seconds are at least 1, changes 0
      if (!number || *number < min) return IllFormed("Invalid save parameters");
      numbers.push_back(*number);
    }
    if (numbers.size() % 2 != 0) return IllFormed("Invalid save parameters");
    config.save = fmt::format("{}", fmt::join(numbers, " "));
    return {};
  }

  Result operator()(OutputLimitField) const;
  Result operator()(PercentilesField) const;
};

std::optional<size_t> ClientClassIndex(std::string_view name) {
  if (EqualsIgnoreCase(name, "replica")) name = "slave";
  for (size_t i = 0; i < kClientClasses.size(); ++i) {
    if (EqualsIgnoreCase(name, kClientClasses[i])) return i;
  }
  return std::nullopt;
}

Result Parser::operator()(OutputLimitField) const {
  const std::vector<std::string_view> words = SpaceSeparated(value);
  if (words.size() % 4 != 0) {
    return IllFormed("Wrong number of arguments in buffer limit configuration.");
  }
  auto limits = config.client_output_buffer_limit;
  for (size_t i = 0; i < words.size(); i += 4) {
    const std::optional<size_t> index = ClientClassIndex(words[i]);
    if (!index) return IllFormed("Invalid client class specified in buffer limit configuration.");
    const auto hard = ParseMemory(words[i + 1]);
    const auto soft = ParseMemory(words[i + 2]);
    const auto soft_seconds = ParseInteger(words[i + 3]);
    if (!hard || !soft || !soft_seconds || *soft_seconds < 0) {
      return IllFormed(
          "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    }
    limits[*index] = OutputLimit{*hard, *soft, *soft_seconds};
  }
  config.client_output_buffer_limit = limits;
  return {};
}

Result Parser::operator()(PercentilesField) const {
  constexpr std::string_view kName = "latency-tracking-info-percentiles";
  std::vector<double> percentiles;
  for (const std::string_view word : SpaceSeparated(value)) {
    const std::optional<double> percentile = ParseDouble(word);
    if (!percentile) return IllFormed(fmt::format("Invalid {} parameters", kName));
    if (std::isnan(*percentile) || *percentile < 0 || *percentile > 100) {
      return IllFormed(fmt::format("{} parameters should sit between [0.0,100.0]", kName));
    }
    percentiles.push_back(*percentile);
  }
  config.latency_tracking_info_percentiles = std::move(percentiles);
  return {};
}

struct Formatter {
  const Config& config;

  std::string operator()(const BoolField& field) const {
    return std::string(YesNo(config.*field.member));
  }
  template <class T>
  std::string operator()(const NumberField<T>& field) const {
    return std::to_string(config.*field.member);
  }
  std::string operator()(const MemoryField& field) const {
    return std::to_string(config.*field.member);
  }
  std::string operator()(const PermissionField& field) const {
    return fmt::format("{:o}", config.*field.member);
  }
  std::string operator()(const TextField& field) const { return config.*field.member; }
  template <class E>
  std::string operator()(const ChoiceField<E>& field) const {
    for (const auto& [name, choice] : field.choices) {
      if (choice == config.*field.member) return std::string(name);
    }
    return {};
  }
  std::string operator()(const FixedField& field) const { return std::string(field.value); }
  std::string operator()(MaxMemoryField) const { return std::to_string(config.max_memory()); }
  // What happens counts: with nothing kept on disk it is off, whatever its default.
  std::string operator()(AppendOnlyField) const {
    return std::string(YesNo(config.appendonly && !config.memory_only()));
  }
  std::string operator()(BindField) const { return fmt::format("{}", fmt::join(config.bind, " ")); }
  std::string operator()(MembersField) const {
    return fmt::format("{}", fmt::join(config.cluster_nodes, " "));
  }
  std::string operator()(AddressesField) const {
    return fmt::format("{}", fmt::join(config.cluster_join, " "));
  }
  std::string operator()(SaveField) const { return config.save; }
  std::string operator()(OutputLimitField) const {
    std::vector<std::string> classes;
    classes.reserve(kClientClasses.size());
    for (size_t i = 0; i < kClientClasses.size(); ++i) classes.push_back(OutputLimitText(i));
    return fmt::format("{}", fmt::join(classes, " "));
  }
  std::string operator()(PercentilesField) const {
    return fmt::format("{}", fmt::join(config.latency_tracking_info_percentiles, " "));
  }

  std::string OutputLimitText(size_t index) const {
    const OutputLimit& limit = config.client_output_buffer_limit[index];
    return fmt::format("{} {} {} {}", kClientClasses[index], limit.hard, limit.soft,
                       limit.soft_seconds);
  }
};

struct Describer {
  std::string operator()(const BoolField&) const { return "yes, no"; }
  template <class T>
  std::string operator()(const NumberField<T>& field) const {
    const bool unbounded = field.max >= std::numeric_limits<int>::max();
    return unbounded ? fmt::format("{} or more", field.min)
                     : fmt::format("{} to {}", field.min, field.max);
  }
  std::string operator()(const MemoryField& field) const {
    return field.min == 0 ? "a size" : fmt::format("a size, {} or more", field.min);
  }
  std::string operator()(const PermissionField&) const { return "octal, 0 to 777"; }
  std::string operator()(const TextField& field) const { return DescribeText(field); }
  template <class E>
  std::string operator()(const ChoiceField<E>& field) const {
    return fmt::format("{}", fmt::join(ChoiceNames(field), ", "));
  }
  std::string operator()(const FixedField& field) const {
    return field.value.empty() ? "\"\"" : std::string(field.value);
  }
  std::string operator()(MaxMemoryField) const { return "a size"; }
  std::string operator()(AppendOnlyField) const { return "yes, no"; }
  std::string operator()(BindField) const {
    return fmt::format("up to {} addresses", kMaxBindAddresses);
  }
  std::string operator()(MembersField) const {
    return fmt::format("up to {} of ID=HOST:PORT", kMaxMembers);
  }
  std::string operator()(AddressesField) const {
    return fmt::format("up to {} of HOST:PORT", kMaxMembers);
  }
  std::string operator()(SaveField) const { return "pairs of seconds and changes, or \"\""; }
  std::string operator()(OutputLimitField) const {
    return "class (normal, replica, pubsub), hard size, soft size, seconds";
  }
  std::string operator()(PercentilesField) const { return "numbers from 0 to 100"; }
};

}  // namespace

std::string_view NameOf(EvictionPolicy policy) {
  const auto named = std::ranges::find_if(
      kEvictionPolicies, [policy](const auto& pair) { return pair.second == policy; });
  return named->first;
}

std::optional<uint64_t> ParseMemory(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, uint64_t>, 8> kUnits = {{
      {"", 1},
      {"b", 1},
      {"k", 1000},
      {"kb", 1 << 10},
      {"m", 1'000'000},
      {"mb", 1 << 20},
      {"g", 1'000'000'000},
      {"gb", 1 << 30},
  }};
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view suffix(stop, static_cast<size_t>(end - stop));
  for (const auto& [unit, factor] : kUnits) {
    if (!EqualsIgnoreCase(unit, suffix)) continue;
    if (number > std::numeric_limits<uint64_t>::max() / factor) return std::nullopt;
    return number * factor;
  }
  return std::nullopt;
}

bool TakesSeveralWords(const Field& field) {
  return std::holds_alternative<BindField>(field) || std::holds_alternative<MembersField>(field) ||
         std::holds_alternative<AddressesField>(field) ||
         std::holds_alternative<SaveField>(field) ||
         std::holds_alternative<OutputLimitField>(field) ||
         std::holds_alternative<PercentilesField>(field);
}

std::expected<void, FieldError> ParseField(const Field& field, std::string_view value,
                                           Config& config) {
  return std::visit(Parser{value, config}, field);
}

std::string FormatField(const Field& field, const Config& config) {
  return std::visit(Formatter{config}, field);
}

std::vector<std::string> FieldLines(const Field& field, const Config& config) {
  const std::string value = FormatField(field, config);
  const std::vector<std::string_view> words = SpaceSeparated(value);
  const size_t words_per_line = std::holds_alternative<SaveField>(field)          ? 2
                                : std::holds_alternative<OutputLimitField>(field) ? 4
                                                                                  : words.size();
  if (!TakesSeveralWords(field) || words.empty()) return {QuoteWord(value)};
  std::vector<std::string> lines;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i % words_per_line == 0) {
      lines.emplace_back();
    } else {
      lines.back() += ' ';
    }
    lines.back() += QuoteWord(words[i]);
  }
  return lines;
}

bool IsDefault(const Field& field, const Config& config) {
  // Given or not decides together with `save` whether anything is kept on disk.
  if (std::holds_alternative<AppendOnlyField>(field)) return !config.appendonly_given;
  // Its default depends on that too.
  if (std::holds_alternative<MaxMemoryField>(field) && !config.maxmemory) return true;
  return FormatField(field, config) == FormatField(field, Config{});
}

std::string DescribeField(const Field& field) {
  return std::visit(Describer{}, field);
}

}  // namespace cartwheel::server
