#include "server/gather.h"

#include <array>
#include <charconv>
#include <string_view>

namespace cartwheel::server {
namespace {

constexpr std::array<std::string_view, 6> kIndependent = {"mget",   "mset",   "del",
                                                          "unlink", "exists", "touch"};

// The single element of "*1\r\n...".
std::string_view OnlyElement(std::string_view reply) {
  const size_t end = reply.find("\r\n");
  return end == std::string_view::npos ? reply : reply.substr(end + 2);
}

int64_t IntegerOf(std::string_view reply) {
  int64_t value = 0;
  if (!reply.empty()) std::from_chars(reply.data() + 1, reply.data() + reply.size(), value);
  return value;
}

}  // namespace

bool IsOfIndependentKeys(const Command& command) {
  for (const std::string_view name : kIndependent) {
    if (command.name == name) return true;
  }
  return false;
}

std::vector<std::vector<std::string_view>> SplitByKey(const Command& command, Args args) {
  const auto step = static_cast<size_t>(command.keys.step);
  std::vector<std::vector<std::string_view>> parts;
  for (size_t at = 1; at + step <= args.size(); at += step) {
    auto& part = parts.emplace_back();
    part.push_back(args[0]);
    for (size_t i = 0; i < step; ++i) part.push_back(args[at + i]);
  }
  return parts;
}

std::string Gather(const Command& command, std::span<const std::string> replies,
                   resp::Protocol protocol) {
  for (const std::string& reply : replies) {
    if (reply.starts_with('-')) return reply;
  }
  std::string out;
  resp::ReplyWriter writer(out, protocol);
  if (command.name == "mset") {
    writer.Ok();
  } else if (command.name == "mget") {
    writer.Array(replies.size());
    for (const std::string& reply : replies) writer.Raw(OnlyElement(reply));
  } else {
    int64_t sum = 0;
    for (const std::string& reply : replies) sum += IntegerOf(reply);
    writer.Integer(sum);
  }
  return out;
}

}  // namespace cartwheel::server
