#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "server/errors.h"
#include "server/ops/parsers.h"
#include "server/redis_dump.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

constexpr std::string_view kSameObject = "ERR source and destination objects are the same";

std::unexpected<std::string> Fail(std::string_view error) {
  return std::unexpected(std::string(error));
}

ParseResult ParseTtlQuery(bool milliseconds, bool absolute, OperationRequest& request) {
  request.operation = TtlOp{.milliseconds = milliseconds, .absolute = absolute};
  return {};
}

struct ExpireFlags {
  bool nx = false;
  bool xx = false;
  bool gt = false;
  bool lt = false;
};

std::expected<ExpireFlags, std::string> ParseExpireFlags(Args options) {
  ExpireFlags flags;
  for (const std::string_view option : options) {
    if (EqualsIgnoreCase(option, "nx")) {
      flags.nx = true;
    } else if (EqualsIgnoreCase(option, "xx")) {
      flags.xx = true;
    } else if (EqualsIgnoreCase(option, "gt")) {
      flags.gt = true;
    } else if (EqualsIgnoreCase(option, "lt")) {
      flags.lt = true;
    } else {
      return std::unexpected("ERR Unsupported option " + std::string(ShownInError(option)));
    }
  }
  if (flags.nx && (flags.xx || flags.gt || flags.lt)) {
    return Fail("ERR NX and XX, GT or LT options at the same time are not compatible");
  }
  if (flags.gt && flags.lt) {
    return Fail("ERR GT and LT options at the same time are not compatible");
  }
  return flags;
}

ExpireOp::Condition ConditionOf(const ExpireFlags& flags) {
  using enum ExpireOp::Condition;
  if (flags.nx) return kIfNone;
  if (flags.gt) return flags.xx ? kIfAnyAndGreater : kIfGreater;
  if (flags.lt) return flags.xx ? kIfAnyAndLess : kIfLess;
  return flags.xx ? kIfAny : kNone;
}

// EXPIRE key time [NX|XX|GT|LT ...]; Redis looks at the options before the time.
ParseResult ParseExpiry(Args args, ExpireOp op, OperationRequest& request) {
  const auto flags = ParseExpireFlags(args.subspan(3));
  if (!flags) return std::unexpected(flags.error());
  const std::optional<int64_t> time = ParseInteger(args[2]);
  if (!time) return Fail(kNotInteger);
  op.time = *time;
  op.condition = ConditionOf(*flags);
  request.operation = op;
  return {};
}

std::expected<cluster::Database, std::string> ParseDatabase(std::string_view text,
                                                            const ParseContext& context) {
  const std::optional<int64_t> number = ParseInteger(text);
  if (!number) return Fail(kNotInteger);
  if (*number < std::numeric_limits<int32_t>::min() ||
      *number > std::numeric_limits<int32_t>::max()) {
    return Fail("ERR value is out of range, value must between -2147483648 and 2147483647");
  }
  if (*number < 0 || *number >= context.databases) return Fail(kDbIndexOutOfRange);
  return static_cast<cluster::Database>(*number);
}

ParseResult ParseObject(ObjectOp::Question question, OperationRequest& request) {
  request.operation = ObjectOp{.question = question};
  return {};
}

// What RESTORE's options say that has no meaning here, but must still be well formed.
struct IgnoredRestoreOptions {
  bool idle_time = false;
  bool frequency = false;
};

// IDLETIME or FREQ with its number. False when `name` is neither, or follows the other one.
std::expected<bool, std::string> ParseIgnoredOption(std::string_view name, std::string_view text,
                                                    IgnoredRestoreOptions& seen) {
  const bool idle_time = EqualsIgnoreCase(name, "idletime") && !seen.frequency;
  const bool frequency = EqualsIgnoreCase(name, "freq") && !seen.idle_time;
  if (!idle_time && !frequency) return false;
  const std::optional<int64_t> number = ParseInteger(text);
  if (!number) return Fail(kNotInteger);
  if (idle_time && *number < 0) return Fail("ERR Invalid IDLETIME value, must be >= 0");
  if (frequency && (*number < 0 || *number > 255)) {
    return Fail("ERR Invalid FREQ value, must be >= 0 and <= 255");
  }
  seen.idle_time |= idle_time;
  seen.frequency |= frequency;
  return true;
}

ParseResult ParseRestoreOptions(Args options, RestoreOp& op) {
  IgnoredRestoreOptions seen;
  for (size_t i = 0; i < options.size(); ++i) {
    if (EqualsIgnoreCase(options[i], "replace")) {
      op.replace = true;
    } else if (EqualsIgnoreCase(options[i], "absttl")) {
      op.absolute = true;
    } else {
      if (i + 1 == options.size()) return Fail(kSyntaxError);
      const auto known = ParseIgnoredOption(options[i], options[i + 1], seen);
      if (!known) return std::unexpected(known.error());
      if (!*known) return Fail(kSyntaxError);
      ++i;
    }
  }
  return {};
}

}  // namespace

ParseResult ParseDel(Args, const ParseContext&, OperationRequest& request) {
  request.operation = DelOp{};
  return {};
}

ParseResult ParseExists(Args, const ParseContext&, OperationRequest& request) {
  request.operation = ExistsOp{};
  return {};
}

ParseResult ParseType(Args, const ParseContext&, OperationRequest& request) {
  request.operation = TypeOp{};
  return {};
}

ParseResult ParseTtl(Args, const ParseContext&, OperationRequest& request) {
  return ParseTtlQuery(false, false, request);
}

ParseResult ParsePTtl(Args, const ParseContext&, OperationRequest& request) {
  return ParseTtlQuery(true, false, request);
}

ParseResult ParseExpireTime(Args, const ParseContext&, OperationRequest& request) {
  return ParseTtlQuery(false, true, request);
}

ParseResult ParsePExpireTime(Args, const ParseContext&, OperationRequest& request) {
  return ParseTtlQuery(true, true, request);
}

ParseResult ParseExpire(Args args, const ParseContext&, OperationRequest& request) {
  return ParseExpiry(args, {.seconds = true, .absolute = false, .command_name = "expire"}, request);
}

ParseResult ParsePExpire(Args args, const ParseContext&, OperationRequest& request) {
  return ParseExpiry(args, {.seconds = false, .absolute = false, .command_name = "pexpire"},
                     request);
}

ParseResult ParseExpireAt(Args args, const ParseContext&, OperationRequest& request) {
  return ParseExpiry(args, {.seconds = true, .absolute = true, .command_name = "expireat"},
                     request);
}

ParseResult ParsePExpireAt(Args args, const ParseContext&, OperationRequest& request) {
  return ParseExpiry(args, {.seconds = false, .absolute = true, .command_name = "pexpireat"},
                     request);
}

ParseResult ParsePersist(Args, const ParseContext&, OperationRequest& request) {
  request.operation = PersistOp{};
  return {};
}

ParseResult ParseRename(Args, const ParseContext&, OperationRequest& request) {
  request.operation = RenameOp{.only_if_absent = false};
  return {};
}

ParseResult ParseRenameNx(Args, const ParseContext&, OperationRequest& request) {
  request.operation = RenameOp{.only_if_absent = true};
  return {};
}

// COPY source destination [DB destination-db] [REPLACE]
ParseResult ParseCopy(Args args, const ParseContext& context, OperationRequest& request) {
  CopyOp op;
  for (size_t i = 3; i < args.size(); ++i) {
    if (EqualsIgnoreCase(args[i], "replace")) {
      op.replace = true;
    } else if (EqualsIgnoreCase(args[i], "db") && i + 1 < args.size()) {
      const auto database = ParseDatabase(args[++i], context);
      if (!database) return std::unexpected(database.error());
      request.keys[1].database = *database;
    } else {
      return Fail(kSyntaxError);
    }
  }
  if (request.keys[0] == request.keys[1]) return Fail(kSameObject);
  request.operation = op;
  return {};
}

// MOVE key db
ParseResult ParseMove(Args args, const ParseContext& context, OperationRequest& request) {
  const auto database = ParseDatabase(args[2], context);
  if (!database) return std::unexpected(database.error());
  const cluster::KeyRef source = request.keys.front();
  if (source.database == *database) return Fail(kSameObject);
  request.keys.push_back({.database = *database, .key = source.key});
  request.operation = MoveOp{};
  return {};
}

ParseResult ParseObjectEncoding(Args, const ParseContext&, OperationRequest& request) {
  return ParseObject(ObjectOp::Question::kEncoding, request);
}

ParseResult ParseObjectIdleTime(Args, const ParseContext&, OperationRequest& request) {
  return ParseObject(ObjectOp::Question::kIdleTime, request);
}

ParseResult ParseObjectRefCount(Args, const ParseContext&, OperationRequest& request) {
  return ParseObject(ObjectOp::Question::kRefCount, request);
}

ParseResult ParseObjectFreq(Args, const ParseContext&, OperationRequest& request) {
  return ParseObject(ObjectOp::Question::kFreq, request);
}

// MEMORY USAGE key [SAMPLES count]; a string has nothing to sample.
ParseResult ParseMemoryUsage(Args args, const ParseContext&, OperationRequest& request) {
  for (size_t i = 3; i < args.size(); i += 2) {
    if (!EqualsIgnoreCase(args[i], "samples") || i + 1 == args.size()) return Fail(kSyntaxError);
    const std::optional<int64_t> samples = ParseInteger(args[i + 1]);
    if (!samples) return Fail(kNotInteger);
    if (*samples < 0) return Fail(kSyntaxError);
  }
  request.operation = MemoryUsageOp{};
  return {};
}

ParseResult ParseDump(Args, const ParseContext&, OperationRequest& request) {
  request.operation = DumpOp{};
  return {};
}

// RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
ParseResult ParseRestore(Args args, const ParseContext& context, OperationRequest& request) {
  RestoreOp op;
  if (auto options = ParseRestoreOptions(args.subspan(4), op); !options) return options;
  const std::optional<int64_t> ttl = ParseInteger(args[2]);
  if (!ttl) {
    op.value = std::unexpected(kNotInteger);
  } else if (*ttl < 0) {
    op.value = std::unexpected("ERR Invalid TTL value, must be >= 0");
  } else {
    op.ttl_ms = *ttl;
    op.value = DecodeRedisDump(args[3], context.max_string_bytes);
  }
  request.operation = std::move(op);
  return {};
}

}  // namespace cartwheel::server
