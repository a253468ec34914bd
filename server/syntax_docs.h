// The arguments of a command as COMMAND DOCS describes them, derived from the syntax column of the
// command table.
//
// The notation: lower-case words are values, others are tokens; a token takes the values that
// follow it; [x] is optional, <x | y> is a choice, [x ...] after x repeats it (with the token if x
// is written with it), [x ...] elsewhere is any number of x.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/command.h"

namespace cartwheel::server {

struct ArgumentDoc {
  std::string name;
  std::string_view type;     // Redis's: "key", "string", "integer", "pure-token", "oneof", ...
  std::string_view token{};  // empty: none
  int key_spec_index = -1;   // of a key; else -1
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;           // each repetition has the token
  std::vector<ArgumentDoc> arguments{};  // of "oneof" and "block"

  bool operator==(const ArgumentDoc&) const = default;
};

// nullopt when the syntax is ill-formed, which no row's is. Borrows from `syntax`.
std::optional<std::vector<ArgumentDoc>> ParseSyntax(std::string_view syntax);

// With the keys given their key specification; empty when the command takes no arguments.
std::vector<ArgumentDoc> ArgumentsOf(const Command& command);

}  // namespace cartwheel::server
