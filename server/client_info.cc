#include "server/client_info.h"

#include <algorithm>

namespace cartwheel::server {
namespace {

std::string FlagsOf(const Session& session) {
  std::string flags;
  if (session.monitoring) flags += 'O';
  if (session.subscribed()) flags += 'P';
  if (session.in_transaction || session.in_exec) flags += 'x';
  if (session.waiting() || session.postponed) flags += 'b';
  if (session.watched_key_changed) flags += 'd';
  if (session.close_after_reply) flags += 'c';
  if (session.close_now) flags += 'A';
  if (session.peer.unix_socket) flags += 'U';
  if (session.reads_anywhere) flags += 'r';
  if (session.no_evict) flags += 'e';
  if (session.no_touch) flags += 'T';
  return flags.empty() ? "N" : flags;
}

size_t QueuedBytes(const Session& session) {
  size_t bytes = 0;
  for (const Session::QueuedCommand& queued : session.queue) {
    bytes += sizeof(queued);
    for (const std::string& arg : queued.args) bytes += sizeof(arg) + arg.size();
  }
  return bytes;
}

class Line {
 public:
  void Add(std::string_view field, std::string_view value) {
    if (!text_.empty()) text_ += ' ';
    text_ += field;
    text_ += '=';
    text_ += value;
  }
  void Add(std::string_view field, int64_t value) { Add(field, std::to_string(value)); }
  void AddSize(std::string_view field, size_t value) { Add(field, static_cast<int64_t>(value)); }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

void AddIdentity(Line& line, const Session& session, Now now) {
  line.AddSize("id", session.id);
  line.Add("addr", session.peer.address);
  line.Add("laddr", session.peer.local_address);
  line.Add("fd", session.peer.fd);
  line.Add("name", session.name);
  line.Add("age", (now.monotonic_us - session.connected_at.monotonic_us) / 1'000'000);
  line.Add("idle", (now.monotonic_us - session.last_active_us) / 1'000'000);
  line.Add("flags", FlagsOf(session));
  line.Add("db", session.database);
}

void AddState(Line& line, const Session& session) {
  line.AddSize("sub", session.channels.size());
  line.AddSize("psub", session.patterns.size());
  line.AddSize("ssub", session.shard_channels.size());
  const size_t queued = session.in_exec ? session.exec_length : session.queue.size();
  const bool transaction = session.in_transaction || session.in_exec;
  line.Add("multi", transaction ? static_cast<int64_t>(queued) : -1);
}

// Redis's `obl` and `rbs` are its fixed reply buffer: here, replies that the socket has not been
// given yet; `omem` is what the socket has been given and has not taken.
void AddBuffers(Line& line, const Session& session) {
  const size_t queued = QueuedBytes(session);
  line.AddSize("qbuf", session.input.size());
  line.AddSize("qbuf-free", session.input.capacity() - session.input.size());
  line.AddSize("argv-mem", 0);
  line.AddSize("multi-mem", queued);
  line.AddSize("rbs", session.output.capacity());
  line.AddSize("rbp", session.output.size());
  line.AddSize("obl", session.output.size());
  line.AddSize("oll", session.in_flight > 0 ? 1 : 0);
  line.AddSize("omem", session.in_flight);
  line.AddSize("tot-mem", sizeof(session) + session.input.capacity() + session.output.capacity() +
                              session.in_flight + queued);
  line.Add("events", session.in_flight > 0 ? "rw" : "r");
}

}  // namespace

bool IsClientName(std::string_view name) {
  return std::ranges::all_of(name, [](char c) { return c >= '!' && c <= '~'; });
}

std::string DescribeClient(const Session& session, Now now) {
  Line line;
  AddIdentity(line, session, now);
  AddState(line, session);
  AddBuffers(line, session);
  line.Add("cmd", session.last_command != nullptr ? session.last_command->name : "NULL");
  line.Add("user", "default");
  line.Add("redir", -1);
  line.Add("resp", static_cast<int64_t>(session.protocol));
  line.Add("lib-name", session.library_name);
  line.Add("lib-ver", session.library_version);
  return line.Take();
}

}  // namespace cartwheel::server
