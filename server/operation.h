// Every operation as one value, and the request that carries it to its keys.
#pragma once

#include <expected>
#include <string>
#include <variant>
#include <vector>

#include "cluster/usage_sketch.h"
#include "server/ops/bits.h"
#include "server/ops/keys.h"
#include "server/ops/op.h"
#include "server/ops/strings.h"

namespace cartwheel::server {

using Operation = std::variant<GetOp, SetOp, SetNxOp, GetDelOp, GetExOp, MGetOp, MSetOp, MSetNxOp,
                               AppendOp, StrLenOp, GetRangeOp, SetRangeOp, IncrByOp, IncrByFloatOp,
                               LcsOp, DelOp, ExistsOp, TypeOp, TtlOp, ExpireOp, PersistOp, RenameOp,
                               CopyOp, MoveOp, ObjectOp, MemoryUsageOp, DumpOp, RestoreOp, SetBitOp,
                               GetBitOp, BitCountOp, BitPosOp, BitOpOp, BitFieldOp>;

// An operation on its keys. Borrows from the arguments it was parsed from.
struct OperationRequest {
  std::vector<cluster::KeyRef> keys;
  Operation operation;
};

struct Config;

// What a parser may know besides the arguments.
struct ParseContext {
  int databases = cluster::kMaxDatabases;
  size_t max_string_bytes = 512UL << 20;
};

ParseContext ParseContextOf(const Config& config);

// Parses a command's arguments, whose number the command's arity has already been held against.
// `request.keys` arrives filled from the command's key positions in the client's database; COPY and
// MOVE correct them. On an error, the text of the error reply.
using OperationParser = std::expected<void, std::string> (*)(Args args, const ParseContext& context,
                                                             OperationRequest& request);

Access AccessOf(const Operation& operation);
// Whether it uses the keys that it reads, for the sake of eviction: not what only looks at them.
bool IsUse(const Operation& operation);
KeyUse UseOf(cluster::UsageSketch& usage, const cluster::KeyRef& ref, int64_t now_ms);
void Apply(const Operation& operation, const OpInput& in, OpOutput& out);

}  // namespace cartwheel::server
