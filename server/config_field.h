// The kinds of values an option can have: how each is read from text, bounded and written back.
//
// Invariant: what FormatField gives, ParseField takes and gives the same value again.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/config.h"

namespace cartwheel::server {

struct BoolField {
  bool Config::* member;
};

// A decimal integer from min to max, both included.
template <class T>
struct NumberField {
  T Config::* member;
  int64_t min;
  int64_t max;
};

// Bytes from min to max; the text may end in b, k, kb, m, mb, g or gb of either case, where k is
// 1000 and kb 1024.
struct MemoryField {
  uint64_t Config::* member;
  uint64_t min;
  uint64_t max;
};

// Permission bits from 0 to 777, in octal.
struct PermissionField {
  int Config::* member;
};

// All but kAny refuse the NUL byte, where the operating system would cut the name.
struct TextField {
  enum class Rule : uint8_t { kAny, kPath, kRequiredPath, kAddress };
  std::string Config::* member;
  Rule rule;
};

template <class E>
struct ChoiceField {
  E Config::* member;
  std::span<const std::pair<std::string_view, E>> choices;
};

// An option that has one value here. Another one is refused with `refusal`, or, if that is empty,
// accepted without effect.
struct FixedField {
  std::string_view value;
  std::string_view refusal;
};

struct MaxMemoryField {};    // bytes, whose default depends on where data live
struct AppendOnlyField {};   // appendonly, which remembers whether it was given
struct BindField {};         // at most kMaxBindAddresses words
struct MembersField {};      // cluster-nodes: at most kMaxMembers words (cluster_config.h)
struct AddressesField {};    // cluster-join: at most kMaxMembers of HOST:PORT
struct SaveField {};         // pairs of seconds and changes
struct OutputLimitField {};  // client class, hard, soft, soft seconds; other classes keep theirs
struct PercentilesField {};  // numbers from 0 to 100

using Field = std::variant<BoolField, NumberField<int>, NumberField<int64_t>, NumberField<uint64_t>,
                           MemoryField, PermissionField, TextField, ChoiceField<LogLevel>,
                           ChoiceField<storage::Durability>, ChoiceField<cluster::AutoCommit>,
                           ChoiceField<EvictionPolicy>, FixedField, MaxMemoryField, AppendOnlyField,
                           BindField, MembersField, AddressesField, SaveField, OutputLimitField,
                           PercentilesField>;

inline constexpr size_t kMaxBindAddresses = 16;  // Redis's limit

// Why a value was not taken.
struct FieldError {
  enum class Kind : uint8_t {
    kIllFormed,    // not a value of this option
    kUnsupported,  // a good value of Redis's that would be silently broken here
    kNoEffect,     // a value of Redis's that changes nothing here
  };
  Kind kind = Kind::kIllFormed;
  std::string text;  // in Redis's words where Redis has some
};

// Whether the option takes several words, which may also stand in one pair of quotes.
bool TakesSeveralWords(const Field& field);

// Sets the field from `value`: the words of a line joined by single spaces, or the argument of
// CONFIG SET. On error the configuration is unchanged.
std::expected<void, FieldError> ParseField(const Field& field, std::string_view value,
                                           Config& config);

// The value as CONFIG GET shows it.
std::string FormatField(const Field& field, const Config& config);

// What follows the option's name in a file, one element a line; words are quoted where needed.
std::vector<std::string> FieldLines(const Field& field, const Config& config);

// Whether leaving the option out of a file gives the same value.
bool IsDefault(const Field& field, const Config& config);

// The values a reader of the documentation may write, for example "0 to 65535".
std::string DescribeField(const Field& field);

// Redis's memory size (see MemoryField) that fits in 64 bits; nullopt otherwise.
std::optional<uint64_t> ParseMemory(std::string_view text);

}  // namespace cartwheel::server
