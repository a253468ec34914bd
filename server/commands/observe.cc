// SLOWLOG and LATENCY: where time went.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "server/handlers.h"
#include "server/server.h"
#include "server/text.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kDefaultSlowLogEntries = 10;

void ReplyEntry(resp::ReplyWriter& reply, const SlowLog::Entry& entry) {
  reply.Array(6);
  reply.Integer(static_cast<int64_t>(entry.id));
  reply.Integer(entry.unix_s);
  reply.Integer(entry.microseconds);
  reply.Array(entry.args.size());
  for (const std::string& arg : entry.args) reply.Bulk(arg);
  reply.Bulk(entry.client_address);
  reply.Bulk(entry.client_name);
}

struct HistogramStep {
  int64_t microseconds;  // this long or shorter
  uint64_t count;
};

// Cumulative counts at the edges that Redis shows, powers of two of a nanosecond rounded up by its
// histogram's precision of 1/128 (16, 33, 66, 132 ... us); edges that add nothing are left out.
std::vector<HistogramStep> StepsOf(const DurationHistogram& histogram) {
  constexpr int kFirstPower = 10;
  constexpr int kLastPower = 51;
  std::vector<HistogramStep> steps;
  uint64_t counted = 0;
  for (int power = kFirstPower; power <= kLastPower && counted < histogram.count(); ++power) {
    const int64_t edge_ns = (int64_t{1} << power) + (int64_t{1} << (power - 7)) - 1;
    const bool last = power == kLastPower;
    const uint64_t count = last ? histogram.count() : histogram.CountAtMost(edge_ns / 1000);
    if (count > counted) steps.push_back({edge_ns / 1000, count});
    counted = count;
  }
  return steps;
}

void ReplyHistogram(resp::ReplyWriter& reply, const Command& command,
                    const CommandStatistics& statistics) {
  const std::vector<HistogramStep> steps = StepsOf(*statistics.latency);
  reply.Bulk(command.name);
  reply.Map(2);
  reply.Bulk("calls");
  reply.Integer(static_cast<int64_t>(statistics.latency->count()));
  reply.Bulk("histogram_usec");
  reply.Map(steps.size());
  for (const HistogramStep& step : steps) {
    reply.Integer(step.microseconds);
    reply.Integer(static_cast<int64_t>(step.count));
  }
}

// A container stands for its subcommands; unknown names for nothing.
std::vector<const Command*> CommandsNamed(Args names) {
  std::vector<const Command*> commands;
  for (std::string_view name : names) {
    const size_t bar = name.find('|');
    const Command* command = FindCommand(name.substr(0, bar));
    if (command == nullptr) continue;
    if (bar != std::string_view::npos) {
      const Command* subcommand = FindSubcommand(*command, name.substr(bar + 1));
      if (subcommand != nullptr) commands.push_back(subcommand);
      continue;
    }
    commands.push_back(command);
    for (const Command& subcommand : SubcommandsOf(*command)) commands.push_back(&subcommand);
  }
  return commands;
}

}  // namespace

void SlowLogGet(CommandContext& context) {
  const Args args = context.args;
  if (args.size() > 3) {
    context.reply.Error("ERR unknown subcommand or wrong number of arguments for '" +
                        std::string(args[1]) + "'. Try SLOWLOG HELP.");
    return;
  }
  const auto& entries = context.server.slow_log().entries();
  const auto wanted = args.size() == 3 ? ParseInteger(args[2]) : kDefaultSlowLogEntries;
  if (!wanted || *wanted < -1) {
    context.reply.Error("ERR count should be greater than or equal to -1");
    return;
  }
  const size_t count =
      *wanted < 0 ? entries.size() : std::min(entries.size(), static_cast<size_t>(*wanted));
  context.reply.Array(count);
  for (size_t i = 0; i < count; ++i) ReplyEntry(context.reply, entries[i]);
}

void SlowLogLen(CommandContext& context) {
  context.reply.Integer(static_cast<int64_t>(context.server.slow_log().entries().size()));
}

void SlowLogReset(CommandContext& context) {
  context.server.slow_log().Clear();
  context.reply.Ok();
}

void LatencyHistogram(CommandContext& context) {
  const auto& statistics = context.server.statistics().commands;
  std::vector<const Command*> shown;
  if (context.args.size() > 2) {
    shown = CommandsNamed(context.args.subspan(2));
  } else {
    for (const Command& command : CommandTable()) shown.push_back(&command);
  }
  std::erase_if(shown, [&](const Command* command) {
    const auto& latency = statistics[IndexOf(*command)].latency;
    return latency == nullptr || latency->count() == 0;
  });
  context.reply.Map(shown.size());
  for (const Command* command : shown) {
    ReplyHistogram(context.reply, *command, statistics[IndexOf(*command)]);
  }
}

void LatencyLatest(CommandContext& context) {
  const auto& events = context.server.latency_monitor().series();
  context.reply.Array(events.size());
  for (const auto& [event, series] : events) {
    context.reply.Array(4);
    context.reply.Bulk(event);
    context.reply.Integer(series.samples.back().unix_s);
    context.reply.Integer(series.samples.back().milliseconds);
    context.reply.Integer(series.max_ms);
  }
}

void LatencyHistory(CommandContext& context) {
  const auto& events = context.server.latency_monitor().series();
  const auto found = events.find(context.args[2]);
  if (found == events.end()) {
    context.reply.Array(0);
    return;
  }
  context.reply.Array(found->second.samples.size());
  for (const LatencyMonitor::Sample& sample : found->second.samples) {
    context.reply.Array(2);
    context.reply.Integer(sample.unix_s);
    context.reply.Integer(sample.milliseconds);
  }
}

void LatencyReset(CommandContext& context) {
  LatencyMonitor& monitor = context.server.latency_monitor();
  std::vector<std::string> events(context.args.begin() + 2, context.args.end());
  if (events.empty()) {
    for (const auto& [event, series] : monitor.series()) events.push_back(event);
  }
  int64_t forgotten = 0;
  for (const std::string& event : events) forgotten += monitor.Reset(event) ? 1 : 0;
  context.reply.Integer(forgotten);
}

// Figures without advice: a person reads them.
void LatencyDoctor(CommandContext& context) {
  const auto& events = context.server.latency_monitor().series();
  const int64_t threshold = context.server.config().latency_monitor_threshold;
  std::string text;
  if (threshold == 0) {
    text =
        "Latency monitoring is off. Turn it on with CONFIG SET latency-monitor-threshold "
        "<milliseconds>.\n";
  } else if (events.empty()) {
    text = "Nothing took " + std::to_string(threshold) + " ms or longer.\n";
  }
  for (const auto& [event, series] : events) {
    int64_t sum = 0;
    for (const LatencyMonitor::Sample& sample : series.samples) sum += sample.milliseconds;
    const auto count = static_cast<int64_t>(series.samples.size());
    text += event + ": " + std::to_string(count) + " seconds with spikes, average " +
            std::to_string(sum / count) + " ms, worst " + std::to_string(series.max_ms) + " ms\n";
  }
  context.reply.Verbatim(text, "txt");
}

}  // namespace cartwheel::server
