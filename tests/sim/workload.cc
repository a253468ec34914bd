#include "tests/sim/workload.h"

#include <utility>

namespace cartwheel::sim {
namespace {

constexpr uint64_t kRegisters = 6;
constexpr uint64_t kCounters = 3;
constexpr uint64_t kSiblingKeys = 4;
constexpr uint64_t kPipelinePercent = 20;
constexpr uint64_t kLongestPipeline = 5;
constexpr uint64_t kWaitPercent = 25;

// What a listing is in the history, and what WAIT is about.
const std::string kAllOnce = "o*";
const std::string kAllOwn = "w*";

std::string Key(char kind, uint64_t number) {
  return kind + std::to_string(number);
}

}  // namespace

std::string Encode(const std::vector<std::string>& arguments) {
  std::string request = "*" + std::to_string(arguments.size()) + "\r\n";
  for (const std::string& argument : arguments) {
    request += "$" + std::to_string(argument.size()) + "\r\n" + argument + "\r\n";
  }
  return request;
}

std::vector<Command> Workload::Next(uint64_t client) {
  std::vector<Command> commands;
  uint64_t count = 1;
  if (random_.Percent(kPipelinePercent)) count += random_.Below(kLongestPipeline);
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t die = random_.Below(100);
    if (die < 2) {
      commands.push_back(Make(Kind::kList, kAllOnce, {"KEYS", kAllOnce}));
    } else if (die < 30) {
      commands.push_back(Register());
    } else if (die < 48) {
      commands.push_back(Once());
    } else if (die < 66) {
      commands.push_back(Counter());
    } else if (die < 86 && contexts_) {
      commands.push_back(Siblings(client));
    } else if (die < 96) {
      commands.push_back(Deleted(client));
    } else {
      commands.push_back(Expiring());
    }
    commands.back().operation.client = client;
  }
  if (random_.Percent(kWaitPercent)) commands.push_back(Wait());
  return commands;
}

Command Workload::Make(Kind kind, const std::string& key, std::vector<std::string> arguments) {
  const bool contexts =
      kind == Kind::kReadSiblings || kind == Kind::kWriteContext || kind == Kind::kDeleteContext;
  if (kind != Kind::kList && kind != Kind::kWait) used_[key] = contexts;
  return {.operation = {.kind = kind, .key = key}, .arguments = std::move(arguments)};
}

Command Workload::Set(const std::string& key, const std::string& value) {
  Command command = Make(Kind::kSet, key, {"SET", key, value});
  command.operation.value = value;
  return command;
}

std::string Workload::NewValue() {
  // Of several lengths: some fill more than a sector of the disk.
  std::string value = "v" + std::to_string(next_value_++);
  if (random_.Percent(10)) value += "-" + std::string(random_.Below(1500), 'x');
  return value;
}

Command Workload::Register() {
  const std::string key = Key('r', random_.Below(kRegisters));
  const uint64_t die = random_.Below(100);
  if (die < 45) return Make(Kind::kGet, key, {"GET", key});
  if (die < 55) return Make(Kind::kDelete, key, {"DEL", key});
  return Set(key, NewValue());
}

Command Workload::Once() {
  if (next_once_ > 0 && random_.Percent(35)) {
    const std::string key = Key('o', random_.Below(next_once_));
    return Make(Kind::kGet, key, {"GET", key});
  }
  return Set(Key('o', next_once_++), NewValue());
}

Command Workload::Counter() {
  const std::string key = Key('c', random_.Below(kCounters));
  if (random_.Percent(25)) return Make(Kind::kGet, key, {"GET", key});
  const auto delta = static_cast<int64_t>(1 + random_.Below(9));
  Command command = Make(Kind::kIncrement, key, {"INCRBY", key, std::to_string(delta)});
  command.operation.delta = delta;
  return command;
}

Command Workload::Siblings(uint64_t client) {
  const std::string key = Key('s', random_.Below(kSiblingKeys));
  const auto read = read_.find({client, key});
  const bool blind = random_.Percent(10);
  if (!blind && (read == read_.end() || random_.Percent(25))) {
    return Make(Kind::kReadSiblings, key, {"DYN.GET", key});
  }
  if (!blind && random_.Percent(10)) {
    Command command =
        Make(Kind::kDeleteContext, key, {"DYN.DEL", key, "CONTEXT", read->second.context});
    command.operation.observed = read->second.values;
    read_.erase(read);
    return command;
  }
  const std::string value = NewValue();
  Command command = Make(Kind::kWriteContext, key, {"DYN.SET", key, value});
  command.operation.value = value;
  if (blind) return command;
  command.arguments.insert(command.arguments.end(), {"CONTEXT", read->second.context});
  command.operation.observed = read->second.values;
  read_.erase(read);
  return command;
}

Command Workload::Deleted(uint64_t client) {
  if (const auto written = to_delete_.find(client); written != to_delete_.end()) {
    const std::string key = written->second;
    to_delete_.erase(written);
    return Make(Kind::kDelete, key, {"DEL", key});
  }
  if (next_deleted_ > 0 && random_.Percent(30)) {
    const std::string key = Key('d', random_.Below(next_deleted_));
    return Make(Kind::kGet, key, {"GET", key});
  }
  return Set(Key('d', next_deleted_++), NewValue());
}

Command Workload::Expiring() {
  if (next_expiring_ > 0 && random_.Percent(40)) {
    const std::string key = Key('t', random_.Below(next_expiring_));
    return Make(Kind::kGet, key, {"GET", key});
  }
  Command command = Set(Key('t', next_expiring_++), NewValue());
  const uint64_t ms = 200 + random_.Below(3000);
  command.arguments.insert(command.arguments.end(), {"PX", std::to_string(ms)});
  command.operation.expires = true;
  return command;
}

// Mostly for all replicas that there are, as one that lacks something is found out then; now and
// then for more, so that the time has to pass.
Command Workload::Wait() {
  constexpr uint64_t kAll = 2;
  constexpr uint64_t kMore = 3;
  constexpr uint64_t kLongestMs = 1000;
  const uint64_t replicas = random_.Percent(60) ? kAll : random_.Below(kMore + 1);
  return Make(Kind::kWait, kAllOwn,
              {"WAIT", std::to_string(replicas), std::to_string(1 + random_.Below(kLongestMs))});
}

void Workload::Learn(const Operation& operation, const std::string& context) {
  if (operation.outcome != Outcome::kOk) return;
  if (operation.kind == Kind::kSet && operation.key.front() == 'd') {
    to_delete_[operation.client] = operation.key;
  }
  if (context.empty()) return;
  Read& read = read_[{operation.client, operation.key}];
  if (operation.kind == Kind::kReadSiblings) {
    read = {context, operation.values};
  } else if (operation.kind == Kind::kWriteContext) {
    read = {context, operation.observed};
    read.values.push_back(operation.value);
  }
}

void Workload::Forget(uint64_t client) {
  to_delete_.erase(client);
}

std::vector<Command> Workload::ReadAll() const {
  std::vector<Command> commands;
  for (const auto& [key, with_contexts] : used_) {
    const Kind kind = with_contexts ? Kind::kReadSiblings : Kind::kGet;
    commands.push_back(
        {.operation = {.kind = kind, .key = key},
         // Of all owners: a repair of each that lacks something.
         .arguments = {"DYN.QUORUM", "R", "3", with_contexts ? "DYN.GET" : "GET", key}});
  }
  commands.push_back({.operation = {.kind = Kind::kList, .key = kAllOnce},
                      .arguments = {"DYN.QUORUM", "PR", "2", "KEYS", kAllOnce}});
  return commands;
}

std::vector<Command> Workload::ReadOnce() const {
  std::vector<Command> commands;
  for (const auto& [key, with_contexts] : used_) {
    if (key.front() != kAllOnce.front()) continue;
    commands.push_back({.operation = {.kind = Kind::kGet, .key = key}, .arguments = {"GET", key}});
  }
  return commands;
}

}  // namespace cartwheel::sim
