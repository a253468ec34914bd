#include "server/slow_log.h"

namespace cartwheel::server {
namespace {

constexpr size_t kMaxArgs = 32;
constexpr size_t kMaxArgBytes = 128;

std::vector<std::string> Shorten(Args args) {
  std::vector<std::string> shown;
  const bool too_many = args.size() > kMaxArgs;
  for (std::string_view arg : args.first(too_many ? kMaxArgs - 1 : args.size())) {
    std::string& text = shown.emplace_back(arg.substr(0, kMaxArgBytes));
    if (arg.size() <= kMaxArgBytes) continue;
    text += "... (" + std::to_string(arg.size() - kMaxArgBytes) + " more bytes)";
  }
  if (too_many) {
    shown.push_back("... (" + std::to_string(args.size() - kMaxArgs + 1) + " more arguments)");
  }
  return shown;
}

}  // namespace

void SlowLog::Add(int64_t unix_s, int64_t microseconds, Args args, std::string_view client_address,
                  std::string_view client_name, size_t max_entries) {
  entries_.push_front({.id = next_id_++,
                       .unix_s = unix_s,
                       .microseconds = microseconds,
                       .args = Shorten(args),
                       .client_address = std::string(client_address),
                       .client_name = std::string(client_name)});
  while (entries_.size() > max_entries) entries_.pop_back();
}

}  // namespace cartwheel::server
