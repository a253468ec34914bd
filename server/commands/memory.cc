// MEMORY: what the process holds, in Redis's fields as far as they mean something here.
#include <string>
#include <string_view>

#include "server/handlers.h"
#include "server/info_text.h"
#include "server/process.h"
#include "server/process_usage.h"
#include "server/server.h"

namespace cartwheel::server {
namespace {

struct Figures {
  ProcessUsage process;
  uint64_t dataset = 0;
  uint64_t clients = 0;
  uint64_t keys = 0;

  uint64_t used() const { return process.private_bytes; }
  uint64_t overhead() const { return used() > dataset ? used() - dataset : 0; }
};

Figures Measure(Server& server) {
  Figures figures{.process = ReadProcessUsage(),
                  .dataset = server.store().engine().usage().bytes_in_memory};
  for (const auto& [id, session] : server.sessions()) {
    figures.clients += sizeof(Session) + session->input.capacity() + session->output.capacity();
  }
  for (int db = 0; db < server.config().databases; ++db) {
    figures.keys += server.store().counts(static_cast<cluster::Database>(db)).keys;
  }
  return figures;
}

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void AddInteger(resp::ReplyWriter& reply, std::string_view name, uint64_t value) {
  reply.Bulk(name);
  reply.Integer(static_cast<int64_t>(value));
}

void AddDouble(resp::ReplyWriter& reply, std::string_view name, double value) {
  reply.Bulk(name);
  reply.Double(value);
}

}  // namespace

void MemoryStats(CommandContext& context) {
  const Figures figures = Measure(context.server);
  const ProcessUsage& process = figures.process;
  resp::ReplyWriter& reply = context.reply;
  reply.Map(18);
  AddInteger(reply, "peak.allocated", process.peak_private_bytes);
  AddInteger(reply, "total.allocated", figures.used());
  AddInteger(reply, "startup.allocated", 0);
  AddInteger(reply, "replication.backlog", 0);
  AddInteger(reply, "clients.slaves", 0);
  AddInteger(reply, "clients.normal", figures.clients);
  AddInteger(reply, "cluster.links", 0);
  AddInteger(reply, "aof.buffer", 0);
  AddInteger(reply, "lua.caches", 0);
  AddInteger(reply, "functions.caches", 0);
  AddInteger(reply, "overhead.total", figures.overhead());
  AddInteger(reply, "keys.count", figures.keys);
  AddInteger(reply, "keys.bytes-per-key", figures.keys == 0 ? 0 : figures.dataset / figures.keys);
  AddInteger(reply, "dataset.bytes", figures.dataset);
  AddDouble(reply, "dataset.percentage", 100 * Ratio(figures.dataset, figures.used()));
  AddDouble(reply, "peak.percentage", 100 * Ratio(figures.used(), process.peak_private_bytes));
  AddDouble(reply, "fragmentation", Ratio(process.resident_bytes, figures.used()));
  AddInteger(reply, "fragmentation.bytes", process.resident_bytes - figures.used());
}

void MemoryDoctor(CommandContext& context) {
  const Figures figures = Measure(context.server);
  context.reply.Verbatim(
      "The process holds " + FormatBytes(figures.used()) + " of memory, with mapped files " +
          FormatBytes(figures.process.resident_bytes) + ", at its peak " +
          FormatBytes(figures.process.peak_private_bytes) + ". The store holds " +
          FormatBytes(figures.dataset) + " of it for " + std::to_string(figures.keys) +
          " keys, clients " + FormatBytes(figures.clients) + ".\n",
      "txt");
}

void MemoryPurge(CommandContext& context) {
  ReturnFreedMemory();
  context.reply.Ok();
}

}  // namespace cartwheel::server
