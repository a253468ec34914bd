#include "server/info_text.h"

#include <array>
#include <cstdio>

namespace cartwheel::server {

void InfoText::Section(std::string_view title) {
  if (!text_.empty()) text_ += "\r\n";
  text_ += "# ";
  text_ += title;
  text_ += "\r\n";
}

void InfoText::Add(std::string_view name, std::string_view value) {
  text_ += name;
  text_ += ':';
  // Values such as error messages must not look like further lines.
  for (char c : value) text_ += c == '\r' || c == '\n' ? ' ' : c;
  text_ += "\r\n";
}

void InfoText::Add(std::string_view name, double value, int digits) {
  Add(name, FormatFixed(value, digits));
}

void InfoText::AddBytes(std::string_view name, uint64_t bytes) {
  Add(name, bytes);
  Add(std::string(name) + "_human", FormatBytes(bytes));
}

void InfoText::AddZeros(std::initializer_list<std::string_view> names) {
  for (std::string_view name : names) Add(name, 0);
}

std::string FormatFixed(double value, int digits) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return {text.data(), static_cast<size_t>(length)};
}

std::string FormatBytes(uint64_t bytes) {
  static constexpr std::string_view kUnits = "KMGTP";
  if (bytes < 1024) return std::to_string(bytes) + 'B';
  double amount = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (amount >= 1024 && unit + 1 < kUnits.size()) {
    amount /= 1024;
    ++unit;
  }
  return FormatFixed(amount, 2) + kUnits[unit];
}

}  // namespace cartwheel::server
