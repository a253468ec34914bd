#include <algorithm>
#include <utility>

#include "server/errors.h"
#include "server/ops/expiry.h"
#include "server/ops/parsers.h"
#include "server/text.h"

namespace cartwheel::server {

namespace {

std::unexpected<std::string> Refuse(std::string_view error) {
  return std::unexpected(std::string(error));
}

// The options of SET and GETEX that decide about the expiry.
struct ExpiryWord {
  std::string_view name;
  ExpiryOption::Kind kind;
  int64_t unit_ms;  // of the time that follows; 0: none follows
};

constexpr ExpiryWord kExpiryWords[] = {
    {"EX", ExpiryOption::Kind::kRelative, 1000},   {"PX", ExpiryOption::Kind::kRelative, 1},
    {"EXAT", ExpiryOption::Kind::kAbsolute, 1000}, {"PXAT", ExpiryOption::Kind::kAbsolute, 1},
    {"KEEPTTL", ExpiryOption::Kind::kKeep, 0},     {"PERSIST", ExpiryOption::Kind::kPersist, 0},
};

struct Options {
  const ExpiryWord* expiry_word = nullptr;
  std::string_view time;
  SetOp::Condition condition = SetOp::Condition::kNone;
  bool get = false;
};

// Takes the option at args[at], if it is one about the expiry and none but itself was given before,
// and moves `at` to its last argument. A repeated option counts as its last one.
bool TakeExpiry(Args args, ExpiryOption::Kind foreign, size_t& at, Options& options) {
  for (const ExpiryWord& word : kExpiryWords) {
    if (word.kind == foreign || !EqualsIgnoreCase(args[at], word.name)) continue;
    if (options.expiry_word != nullptr && options.expiry_word != &word) return false;
    options.expiry_word = &word;
    if (word.unit_ms == 0) return true;
    if (at + 1 == args.size()) return false;
    options.time = args[++at];
    return true;
  }
  return false;
}

bool TakeCondition(std::string_view option, Options& options) {
  SetOp::Condition condition = SetOp::Condition::kNone;
  if (EqualsIgnoreCase(option, "NX")) condition = SetOp::Condition::kIfAbsent;
  if (EqualsIgnoreCase(option, "XX")) condition = SetOp::Condition::kIfPresent;
  if (condition == SetOp::Condition::kNone) return false;
  const SetOp::Condition before = std::exchange(options.condition, condition);
  return before == SetOp::Condition::kNone || before == condition;
}

bool TakeGet(std::string_view option, Options& options) {
  if (!EqualsIgnoreCase(option, "GET")) return false;
  options.get = true;
  return true;
}

// A positive time that can be stored; whether it can once a relative one is added to the time of
// application, ResolveExpiry says.
std::expected<int64_t, std::string> ParseTime(std::string_view text, int64_t unit_ms,
                                              std::string_view command_name) {
  const std::optional<int64_t> time = ParseInteger(text);
  if (!time) return Refuse(kNotInteger);
  if (*time <= 0 || *time > cluster::kMaxExpireAt / unit_ms) {
    return std::unexpected(InvalidExpireTime(command_name));
  }
  return *time * unit_ms;
}

std::expected<ExpiryOption, std::string> ParseExpiry(const Options& options,
                                                     std::string_view command_name) {
  if (options.expiry_word == nullptr) return ExpiryOption{};
  const ExpiryWord& word = *options.expiry_word;
  if (word.unit_ms == 0) return ExpiryOption{.kind = word.kind};
  const auto ms = ParseTime(options.time, word.unit_ms, command_name);
  if (!ms) return std::unexpected(ms.error());
  return ExpiryOption{.kind = word.kind, .ms = *ms};
}

// SETEX and PSETEX: key, time, value.
ParseResult ParseSetWithTime(Args args, int64_t unit_ms, std::string_view command_name,
                             OperationRequest& request) {
  const auto ms = ParseTime(args[2], unit_ms, command_name);
  if (!ms) return std::unexpected(ms.error());
  request.operation = SetOp{.value = args[3],
                            .expiry = {.kind = ExpiryOption::Kind::kRelative, .ms = *ms},
                            .command_name = command_name};
  return {};
}

// The arguments behind the command's name, if they are pairs.
std::expected<Args, std::string> ParsePairs(Args args, std::string_view command_name) {
  if (args.size() % 2 == 0) {
    return std::unexpected("ERR wrong number of arguments for '" + std::string(command_name) +
                           "' command");
  }
  return args.subspan(1);
}

}  // namespace

ParseResult ParseGet(Args, const ParseContext&, OperationRequest& request) {
  request.operation = GetOp{};
  return {};
}

ParseResult ParseSet(Args args, const ParseContext&, OperationRequest& request) {
  Options options;
  for (size_t i = 3; i < args.size(); ++i) {
    if (!TakeCondition(args[i], options) && !TakeGet(args[i], options) &&
        !TakeExpiry(args, ExpiryOption::Kind::kPersist, i, options)) {
      return Refuse(kSyntaxError);
    }
  }
  const auto expiry = ParseExpiry(options, "set");
  if (!expiry) return std::unexpected(expiry.error());
  request.operation = SetOp{.value = args[2],
                            .expiry = *expiry,
                            .condition = options.condition,
                            .return_old = options.get};
  return {};
}

std::expected<ExpiryOption, std::string> ParseSetExpiry(Args options,
                                                        std::string_view command_name) {
  Options taken;
  for (size_t i = 0; i < options.size(); ++i) {
    if (!TakeExpiry(options, ExpiryOption::Kind::kPersist, i, taken)) return Refuse(kSyntaxError);
  }
  return ParseExpiry(taken, command_name);
}

ParseResult ParseSetEx(Args args, const ParseContext&, OperationRequest& request) {
  return ParseSetWithTime(args, 1000, "setex", request);
}

ParseResult ParsePSetEx(Args args, const ParseContext&, OperationRequest& request) {
  return ParseSetWithTime(args, 1, "psetex", request);
}

ParseResult ParseSetNx(Args args, const ParseContext&, OperationRequest& request) {
  request.operation = SetNxOp{.value = args[2]};
  return {};
}

ParseResult ParseGetSet(Args args, const ParseContext&, OperationRequest& request) {
  request.operation = SetOp{.value = args[2], .expiry = {}, .return_old = true};
  return {};
}

ParseResult ParseGetDel(Args, const ParseContext&, OperationRequest& request) {
  request.operation = GetDelOp{};
  return {};
}

ParseResult ParseGetEx(Args args, const ParseContext&, OperationRequest& request) {
  Options options;
  for (size_t i = 2; i < args.size(); ++i) {
    if (!TakeExpiry(args, ExpiryOption::Kind::kKeep, i, options)) return Refuse(kSyntaxError);
  }
  const auto expiry = ParseExpiry(options, "getex");
  GetExOp op;
  if (expiry) {
    op.expiry = *expiry;
  } else {
    op.expiry_error = expiry.error();
  }
  request.operation = std::move(op);
  return {};
}

ParseResult ParseMGet(Args, const ParseContext&, OperationRequest& request) {
  request.operation = MGetOp{};
  return {};
}

ParseResult ParseMSet(Args args, const ParseContext&, OperationRequest& request) {
  const auto pairs = ParsePairs(args, "mset");
  if (!pairs) return std::unexpected(pairs.error());
  request.operation = MSetOp{.pairs = *pairs};
  return {};
}

ParseResult ParseMSetNx(Args args, const ParseContext&, OperationRequest& request) {
  const auto pairs = ParsePairs(args, "msetnx");
  if (!pairs) return std::unexpected(pairs.error());
  request.operation = MSetNxOp{.pairs = *pairs};
  return {};
}

ParseResult ParseAppend(Args args, const ParseContext&, OperationRequest& request) {
  request.operation = AppendOp{.suffix = args[2]};
  return {};
}

ParseResult ParseStrLen(Args, const ParseContext&, OperationRequest& request) {
  request.operation = StrLenOp{};
  return {};
}

ParseResult ParseGetRange(Args args, const ParseContext&, OperationRequest& request) {
  const std::optional<int64_t> start = ParseInteger(args[2]);
  const std::optional<int64_t> end = ParseInteger(args[3]);
  if (!start || !end) return Refuse(kNotInteger);
  request.operation = GetRangeOp{.start = *start, .end = *end};
  return {};
}

ParseResult ParseSetRange(Args args, const ParseContext&, OperationRequest& request) {
  const std::optional<int64_t> offset = ParseInteger(args[2]);
  if (!offset) return Refuse(kNotInteger);
  if (*offset < 0) return Refuse("ERR offset is out of range");
  request.operation = SetRangeOp{.offset = *offset, .patch = args[3]};
  return {};
}

ParseResult ParseIncr(Args, const ParseContext&, OperationRequest& request) {
  request.operation = IncrByOp{.delta = 1};
  return {};
}

ParseResult ParseDecr(Args, const ParseContext&, OperationRequest& request) {
  request.operation = IncrByOp{.delta = -1};
  return {};
}

ParseResult ParseIncrBy(Args args, const ParseContext&, OperationRequest& request) {
  const std::optional<int64_t> delta = ParseInteger(args[2]);
  if (!delta) return Refuse(kNotInteger);
  request.operation = IncrByOp{.delta = *delta};
  return {};
}

ParseResult ParseDecrBy(Args args, const ParseContext&, OperationRequest& request) {
  const std::optional<int64_t> delta = ParseInteger(args[2]);
  if (!delta) return Refuse(kNotInteger);
  if (*delta == INT64_MIN) return Refuse("ERR decrement would overflow");  // has no opposite
  request.operation = IncrByOp{.delta = -*delta};
  return {};
}

ParseResult ParseIncrByFloat(Args args, const ParseContext&, OperationRequest& request) {
  const std::optional<long double> delta = ParseLongDouble(args[2]);
  if (!delta) return Refuse(kNotFloat);
  request.operation = IncrByFloatOp{.delta = *delta};
  return {};
}

ParseResult ParseLcs(Args args, const ParseContext&, OperationRequest& request) {
  LcsOp op;
  for (size_t i = 3; i < args.size(); ++i) {
    if (EqualsIgnoreCase(args[i], "IDX")) {
      op.indexes = true;
    } else if (EqualsIgnoreCase(args[i], "LEN")) {
      op.length_only = true;
    } else if (EqualsIgnoreCase(args[i], "WITHMATCHLEN")) {
      op.with_match_length = true;
    } else if (EqualsIgnoreCase(args[i], "MINMATCHLEN") && i + 1 < args.size()) {
      const std::optional<int64_t> length = ParseInteger(args[++i]);
      if (!length) return Refuse(kNotInteger);
      op.min_match_length = std::max<int64_t>(*length, 0);
    } else {
      return Refuse(kSyntaxError);
    }
  }
  if (op.indexes && op.length_only) {
    return Refuse("ERR If you want both the length and indexes, please just use IDX.");
  }
  request.operation = op;
  return {};
}

}  // namespace cartwheel::server
