// The longest common subsequence by the textbook's table (Wagner and Fischer): length(i, j) is that
// of the first i bytes of one string and the first j of the other.
#include <algorithm>
#include <expected>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "server/ops/string_value.h"
#include "server/ops/strings.h"

namespace cartwheel::server {

namespace {

constexpr std::string_view kNotStrings = "ERR The specified keys must contain string values";
constexpr std::string_view kTooLong = "ERR String too long for LCS";
constexpr std::string_view kTableTooLarge =
    "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len";
constexpr std::string_view kTableNotAllocated =
    "ERR Insufficient memory, failed allocating transient memory for LCS";

// Bytes that stand behind each other in both strings and in the subsequence.
struct Match {
  size_t a;
  size_t b;
  size_t length;
};

class LcsTable {
 public:
  // The strings must be shorter than 2^32 - 2 bytes. On an error, the text of the reply.
  static std::expected<LcsTable, std::string_view> Build(std::string_view a, std::string_view b,
                                                         size_t max_bytes) {
    const size_t cells = (a.size() + 1) * (b.size() + 1);
    if (cells > std::numeric_limits<size_t>::max() / sizeof(uint32_t)) {
      return std::unexpected(kTableNotAllocated);
    }
    if (cells * sizeof(uint32_t) > max_bytes) return std::unexpected(kTableTooLarge);
    std::unique_ptr<uint32_t[]> lengths(new (std::nothrow) uint32_t[cells]);
    if (lengths == nullptr) return std::unexpected(kTableNotAllocated);
    return LcsTable(a, b, std::move(lengths));
  }

  uint32_t length() const { return At(a_.size(), b_.size()); }

  // The matches that make one longest subsequence, last first. Where there are several, the way
  // back through the table prefers to drop a byte of `b`, as Redis does.
  std::vector<Match> Matches() const {
    std::vector<Match> matches;
    bool extends = false;
    for (size_t i = a_.size(), j = b_.size(); i > 0 && j > 0;) {
      if (a_[i - 1] != b_[j - 1]) {
        extends = false;
        At(i - 1, j) > At(i, j - 1) ? --i : --j;
        continue;
      }
      if (!extends) matches.push_back({.a = i, .b = j, .length = 0});
      extends = true;
      matches.back() = {.a = --i, .b = --j, .length = matches.back().length + 1};
    }
    return matches;
  }

 private:
  LcsTable(std::string_view a, std::string_view b, std::unique_ptr<uint32_t[]> lengths)
      : a_(a), b_(b), lengths_(std::move(lengths)) {
    for (size_t j = 0; j <= b_.size(); ++j) At(0, j) = 0;
    for (size_t i = 1; i <= a_.size(); ++i) {
      At(i, 0) = 0;
      for (size_t j = 1; j <= b_.size(); ++j) {
        At(i, j) =
            a_[i - 1] == b_[j - 1] ? At(i - 1, j - 1) + 1 : std::max(At(i - 1, j), At(i, j - 1));
      }
    }
  }

  uint32_t& At(size_t i, size_t j) const { return lengths_[i * (b_.size() + 1) + j]; }

  std::string_view a_;
  std::string_view b_;
  std::unique_ptr<uint32_t[]> lengths_;
};

void ReplyRange(size_t start, size_t length, resp::ReplyWriter& reply) {
  reply.Array(2);
  reply.Integer(static_cast<int64_t>(start));
  reply.Integer(static_cast<int64_t>(start + length - 1));
}

void ReplyIndexes(const LcsOp& op, const LcsTable& table, resp::ReplyWriter& reply) {
  std::vector<Match> matches = table.Matches();
  std::erase_if(matches, [&](const Match& match) {
    return match.length < static_cast<uint64_t>(op.min_match_length);
  });
  reply.Map(2);
  reply.Bulk("matches");
  reply.Array(matches.size());
  for (const Match& match : matches) {
    reply.Array(op.with_match_length ? 3 : 2);
    ReplyRange(match.a, match.length, reply);
    ReplyRange(match.b, match.length, reply);
    if (op.with_match_length) reply.Integer(static_cast<int64_t>(match.length));
  }
  reply.Bulk("len");
  reply.Integer(table.length());
}

void ReplySubsequence(const LcsTable& table, std::string_view a, resp::ReplyWriter& reply) {
  const std::vector<Match> matches = table.Matches();
  std::string subsequence;
  subsequence.reserve(table.length());
  for (auto match = matches.rbegin(); match != matches.rend(); ++match) {
    subsequence.append(a.substr(match->a, match->length));
  }
  reply.Bulk(subsequence);
}

}  // namespace

void Apply(const LcsOp& op, const OpInput& in, OpOutput& out) {
  if (HoldsOtherType(in.values[0]) || HoldsOtherType(in.values[1])) {
    return out.reply.Error(kNotStrings);
  }
  const std::string_view a = BytesOf(in.values[0]);
  const std::string_view b = BytesOf(in.values[1]);
  constexpr size_t kTooManyBytes = std::numeric_limits<uint32_t>::max() - 1;
  if (a.size() >= kTooManyBytes || b.size() >= kTooManyBytes) return out.reply.Error(kTooLong);
  const auto table = LcsTable::Build(a, b, in.max_string_bytes);
  if (!table) return out.reply.Error(table.error());
  if (op.length_only) return out.reply.Integer(table->length());
  if (op.indexes) return ReplyIndexes(op, *table, out.reply);
  ReplySubsequence(*table, a, out.reply);
}

}  // namespace cartwheel::server
