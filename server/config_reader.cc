#include "server/config_reader.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "server/config_text.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

using Result = std::expected<void, std::string>;

std::string UnknownOption(std::string_view name) {
  const std::string_view nearest = NearestOption(name.substr(0, name.find('=')));
  if (nearest.empty()) return "unknown option";
  if (name.contains('=')) return fmt::format("unknown option; write '{} value'", nearest);
  return fmt::format("unknown option; did you mean '{}'?", nearest);
}

}  // namespace

Result ConfigReader::ReadText(std::string_view text, std::string_view name) {
  size_t number = 0;
  for (const std::string_view line : SplitLines(text)) {
    ++number;
    const std::string_view option = OptionText(line);
    if (option.empty()) continue;
    const std::string place = fmt::format("{}:{}: ", name, number);
    const auto words = SplitWords(option);
    if (!words) {
      const std::string_view first = option.substr(0, option.find_first_of(" \t"));
      return std::unexpected(
          fmt::format("{}{}: the quotes are not balanced", place, QuoteWord(first)));
    }
    if (Result result = ReadOption(*words, place); !result) return result;
  }
  return {};
}

Result ConfigReader::ReadOption(std::span<const std::string> words, std::string_view place) {
  const std::string name = ToLower(words[0]);
  const std::string prefix = fmt::format("{}{}: ", place, QuoteWord(words[0]));
  const std::span<const std::string> arguments = words.subspan(1);
  const std::string value = fmt::format("{}", fmt::join(arguments, " "));
  const Option* option = FindOption(name);
  const RefusedOption* refused = FindRefusedOption(name);
  const bool ignored = IsIgnoredOption(name);
  if (option == nullptr && refused == nullptr && !ignored) {
    return std::unexpected(prefix + UnknownOption(name));
  }
  const bool one_word = option != nullptr && !TakesSeveralWords(option->field);
  if (arguments.empty() || (one_word && arguments.size() != 1)) {
    return std::unexpected(prefix + "wrong number of arguments");
  }
  if (option != nullptr) return SetField(*option, value, prefix);
  if (refused != nullptr) {
    ReadRefused(*refused, name, value, prefix);
  } else {
    Ignore(name);
  }
  return {};
}

Result ConfigReader::SetField(const Option& option, std::string_view value,
                              const std::string& prefix) {
  std::string whole(value);
  if (std::holds_alternative<SaveField>(option.field)) {
    // Redis adds up the lines; the first one replaces the default and an empty one clears.
    const bool adds = save_given_ && !value.empty() && !config_.save.empty();
    if (adds) whole = fmt::format("{} {}", config_.save, value);
    save_given_ = true;
  }
  const std::expected<void, FieldError> result = ParseField(option.field, whole, config_);
  if (result) {
    TakeBack(option.name);
    return {};
  }
  switch (result.error().kind) {
    case FieldError::Kind::kIllFormed: return std::unexpected(prefix + result.error().text);
    case FieldError::Kind::kUnsupported: Refuse(option.name, prefix + result.error().text); break;
    case FieldError::Kind::kNoEffect: Ignore(option.name); break;
  }
  return {};
}

void ConfigReader::ReadRefused(const RefusedOption& option, const std::string& name,
                               std::string_view value, const std::string& prefix) {
  if (option.harmless && EqualsIgnoreCase(*option.harmless, value)) {
    TakeBack(name);
    Ignore(name);
  } else {
    Refuse(name, fmt::format("{}{}", prefix, option.reason));
  }
}

Result ConfigReader::Finish() const {
  if (refusals_.empty()) return {};
  return std::unexpected(refusals_.front().second);
}

void ConfigReader::Ignore(std::string_view name) {
  if (std::ranges::find(ignored_, name) == ignored_.end()) ignored_.emplace_back(name);
}

void ConfigReader::Refuse(std::string_view name, std::string error) {
  TakeBack(name);
  refusals_.emplace_back(name, std::move(error));
}

void ConfigReader::TakeBack(std::string_view name) {
  std::erase_if(refusals_, [&](const auto& refusal) { return refusal.first == name; });
}

}  // namespace cartwheel::server
