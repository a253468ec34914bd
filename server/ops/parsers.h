// One parser for each command that works on keys; see OperationParser for the contract.
#pragma once

#include "server/operation.h"

namespace cartwheel::server {

using ParseResult = std::expected<void, std::string>;

// strings_parse.cc
ParseResult ParseGet(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseSet(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseSetEx(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParsePSetEx(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseSetNx(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseGetSet(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseGetDel(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseGetEx(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseMGet(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseMSet(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseMSetNx(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseAppend(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseStrLen(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseGetRange(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseSetRange(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseIncr(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseDecr(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseIncrBy(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseDecrBy(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseIncrByFloat(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseLcs(Args args, const ParseContext& context, OperationRequest& request);

// The options of a command that sets a value: [EX seconds | PX milliseconds | EXAT
// unix-time-seconds | PXAT unix-time-milliseconds | KEEPTTL]. `command_name` stands in "invalid
// expire time".
std::expected<ExpiryOption, std::string> ParseSetExpiry(Args options,
                                                        std::string_view command_name);

// keys_parse.cc
ParseResult ParseDel(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseExists(Args args, const ParseContext& context,
                        OperationRequest& request);  // and TOUCH
ParseResult ParseType(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseTtl(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParsePTtl(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseExpireTime(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParsePExpireTime(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseExpire(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParsePExpire(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseExpireAt(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParsePExpireAt(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParsePersist(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseRename(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseRenameNx(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseCopy(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseMove(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseObjectEncoding(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseObjectIdleTime(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseObjectRefCount(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseObjectFreq(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseMemoryUsage(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseDump(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseRestore(Args args, const ParseContext& context, OperationRequest& request);

// bits_parse.cc
ParseResult ParseSetBit(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseGetBit(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseBitCount(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseBitPos(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseBitOp(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseBitField(Args args, const ParseContext& context, OperationRequest& request);
ParseResult ParseBitFieldRo(Args args, const ParseContext& context, OperationRequest& request);

}  // namespace cartwheel::server
