// A reply as a value: what a client makes of the bytes that ReplyWriter wrote.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cartwheel::resp {

// Every member has an initializer, so that a literal may name only what matters.
struct Reply {
  enum class Type : uint8_t {
    kSimpleString,
    kError,  // also RESP3's "!" errors
    kInteger,
    kBulk,
    kNull,       // "$-1" and RESP3's "_"
    kNullArray,  // "*-1"
    kDouble,
    kBoolean,
    kBigNumber,
    kVerbatim,
    kArray,
    kMap,
    kSet,
    kPush,
  };

  Type type = Type::kNull;
  std::string text = {};             // strings, errors, and the digits of a big number
  std::string format = {};           // of a verbatim string: "txt" or "mkd"
  int64_t integer = 0;               // kInteger; kBoolean: 0 or 1
  double number = 0;                 // kDouble
  std::vector<Reply> elements = {};  // of aggregates; a map's are key, value, key, value...

  bool operator==(const Reply& other) const = default;
};

// The reply as redis-cli shows it at a terminal, without the last line end. Unlike redis-cli it
// tells a null array, "(nil array)", from a null, and writes "(big number)" before one.
std::string ToString(const Reply& reply);

}  // namespace cartwheel::resp
