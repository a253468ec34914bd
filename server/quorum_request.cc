#include "server/quorum_request.h"

#include <cstdint>
#include <limits>

#include "server/errors.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

struct LevelWord {
  cluster::Level level;
  uint8_t cluster::Levels::* member;
};

constexpr LevelWord kLevelWords[] = {
    {cluster::Level::kR, &cluster::Levels::r},   {cluster::Level::kW, &cluster::Levels::w},
    {cluster::Level::kPR, &cluster::Levels::pr}, {cluster::Level::kPW, &cluster::Levels::pw},
    {cluster::Level::kDW, &cluster::Levels::dw},
};

const LevelWord* FindLevel(std::string_view word) {
  for (const LevelWord& known : kLevelWords) {
    if (EqualsIgnoreCase(word, cluster::NameOf(known.level))) return &known;
  }
  return nullptr;
}

}  // namespace

std::expected<QuorumRequest, std::string> ParseQuorumRequest(Args args,
                                                             const cluster::Levels& current) {
  QuorumRequest request{.levels = current};
  if (args.size() == 2 && EqualsIgnoreCase(args[1], "reset")) {
    request.reset = true;
    return request;
  }
  size_t at = 1;
  for (; at < args.size(); at += 2) {
    const LevelWord* word = FindLevel(args[at]);
    if (word == nullptr) break;
    if (at + 1 == args.size()) return std::unexpected(std::string(kSyntaxError));
    const auto number = ParseInteger(args[at + 1]);
    if (!number || *number < 0 || *number > std::numeric_limits<uint8_t>::max()) {
      return std::unexpected(std::string(kNotInteger));
    }
    request.levels.*word->member = static_cast<uint8_t>(*number);
    request.given = true;
  }
  if (const auto valid = cluster::Validate(request.levels); !valid) {
    return std::unexpected("ERR " + valid.error());
  }
  request.command = args.subspan(at);
  return request;
}

}  // namespace cartwheel::server
