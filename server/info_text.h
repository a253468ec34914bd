// Writes the text of INFO: sections of "name:value" lines with an empty line between them.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace cartwheel::server {

class InfoText {
 public:
  void Section(std::string_view title);

  void Add(std::string_view name, std::string_view value);
  void Add(std::string_view name, std::integral auto value) { Add(name, std::to_string(value)); }
  // With a fixed number of digits after the point.
  void Add(std::string_view name, double value, int digits);
  // The number, then "<name>_human" with its short form.
  void AddBytes(std::string_view name, uint64_t bytes);
  // The same value for several names: what has a fixed answer here.
  void AddZeros(std::initializer_list<std::string_view> names);

  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string FormatFixed(double value, int digits);
// "894.82K", "1.50G", "200B".
std::string FormatBytes(uint64_t bytes);

}  // namespace cartwheel::server
