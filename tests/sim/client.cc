#include "tests/sim/client.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace cartwheel::sim {
namespace {

using resp::Reply;

// Client libraries wait for one to several seconds.
constexpr int64_t kTimeoutUs = 2'000'000;
constexpr int64_t kDialTimeoutUs = 1'000'000;
constexpr int64_t kRedialUs = 50'000;

// Errors that promise that nothing was done. MISCONF is none: what could not be made durable may
// turn out to be on the disk.
bool PromisesNothing(std::string_view error) {
  constexpr std::array<std::string_view, 9> kDefinite = {"ERR",     "NOREPLICAS", "CLUSTERDOWN",
                                                         "OOM",     "BADCTX",     "BUSY",
                                                         "LOADING", "WRONGTYPE",  "SIBLINGSLIMIT"};
  const std::string_view word = error.substr(0, error.find(' '));
  return std::ranges::find(kDefinite, word) != kDefinite.end();
}

// DYN.GET: [context, [value ...]].
bool TakeSiblings(const Reply& reply, Operation& operation, std::string& context) {
  const bool fits = reply.type == Reply::Type::kArray && reply.elements.size() == 2 &&
                    reply.elements[1].type == Reply::Type::kArray;
  if (!fits) return false;
  context = reply.elements[0].text;
  for (const Reply& value : reply.elements[1].elements) operation.values.push_back(value.text);
  return true;
}

// GET of a counter shows its sum.
void TakeValue(const Reply& reply, Operation& operation) {
  if (reply.type == Reply::Type::kNull) return;
  if (operation.key.front() != 'c') return operation.values.push_back(reply.text);
  std::from_chars(reply.text.data(), reply.text.data() + reply.text.size(), operation.number);
}

// Whether the reply has the form that the command's has.
bool TakeReply(const Reply& reply, Operation& operation, std::string& context) {
  switch (operation.kind) {
    case Kind::kGet:
      TakeValue(reply, operation);
      return reply.type == Reply::Type::kBulk || reply.type == Reply::Type::kNull;
    case Kind::kSet: return reply.type == Reply::Type::kSimpleString && reply.text == "OK";
    case Kind::kDelete:
    case Kind::kDeleteContext:
    case Kind::kIncrement:
    case Kind::kWait: operation.number = reply.integer; return reply.type == Reply::Type::kInteger;
    case Kind::kReadSiblings: return TakeSiblings(reply, operation, context);
    case Kind::kWriteContext:
      // [OK, context]
      if (reply.type != Reply::Type::kArray || reply.elements.size() != 2) return false;
      context = reply.elements[1].text;
      return reply.elements[0].text == "OK";
    case Kind::kList:
      for (const Reply& key : reply.elements) operation.listed.push_back(key.text);
      return reply.type == Reply::Type::kArray;
  }
  return false;
}

}  // namespace

Client::Client(const Options& options, Workload& workload, History& history)
    : options_(options), workload_(workload), history_(history), random_(options.seed) {}

int64_t Client::Pause() {
  return static_cast<int64_t>(random_.Below(2 * static_cast<uint64_t>(options_.pause_us)));
}

Client::Actions Client::Dial(int64_t now_us) {
  state_ = State::kDialling;
  input_.clear();
  reader_ = {};
  // Another one, if there is one.
  const size_t others = options_.nodes > 1 ? options_.nodes - 1 : 1;
  node_ = (node_ + 1 + random_.Below(others)) % options_.nodes;
  deadline_us_ = now_us + kDialTimeoutUs;
  return {.dials = node_, .sends = {}, .wakes_at_us = deadline_us_};
}

Client::Actions Client::Send(int64_t now_us) {
  std::vector<Command> commands;
  if (!queue_.empty()) {
    commands.push_back(std::move(queue_.front()));
    queue_.pop_front();
  } else if (works_) {
    commands = workload_.Next(options_.number);
  }
  if (commands.empty()) return {.dials = {}, .sends = {}};
  Actions actions;
  for (Command& command : commands) {
    Operation& operation = history_.emplace_back(std::move(command.operation));
    operation.client = options_.number;
    operation.connection = connection_;
    operation.node = node_;
    operation.invoked_us = now_us;
    open_.push_back(&operation);
    actions.sends += Encode(command.arguments);
  }
  deadline_us_ = now_us + kTimeoutUs;
  actions.wakes_at_us = deadline_us_;
  return actions;
}

Client::Actions Client::OnAlarm(int64_t now_us) {
  if (state_ == State::kAway) return Dial(now_us);
  if (state_ == State::kConnected && open_.empty()) return Send(now_us);
  if (now_us < deadline_us_) return {.dials = {}, .sends = {}, .wakes_at_us = deadline_us_};
  GiveUpOpen();
  Actions actions = Dial(now_us);
  actions.hangs_up = true;
  return actions;
}

Client::Actions Client::OnConnected(ConnectionId connection, Host node, int64_t now_us) {
  state_ = State::kConnected;
  connection_ = connection;
  node_ = node;
  return {.dials = {}, .sends = {}, .wakes_at_us = now_us + Pause()};
}

Client::Actions Client::OnClosed(int64_t now_us) {
  GiveUpOpen();
  return {.dials = {}, .sends = {}, .wakes_at_us = now_us + kRedialUs};
}

void Client::GiveUpOpen() {
  state_ = State::kAway;
  open_.clear();
  workload_.Forget(options_.number);
}

Client::Actions Client::OnBytes(std::string_view bytes, int64_t now_us) {
  input_ += bytes;
  size_t taken = 0;
  while (taken < input_.size()) {
    const auto status = reader_.Parse(std::string_view(input_).substr(taken), {});
    if (status == resp::ReplyReader::Status::kIncomplete) break;
    if (status == resp::ReplyReader::Status::kError || open_.empty()) {
      protocol_error_ = "client " + std::to_string(options_.number) +
                        " got what is no reply to anything: " + input_.substr(taken, 100);
      break;
    }
    taken += reader_.consumed();
    Finish(*open_.front(), reader_.reply(), now_us);
    open_.pop_front();
  }
  input_.erase(0, taken);
  return {.dials = {},
          .sends = {},
          .wakes_at_us = open_.empty() ? now_us + (queue_.empty() ? Pause() : 0) : deadline_us_};
}

void Client::Finish(Operation& operation, const Reply& reply, int64_t now_us) {
  operation.returned_us = now_us;
  operation.reply = reply.type == Reply::Type::kError ? "-" + reply.text : resp::ToString(reply);
  std::string context;
  if (reply.type == Reply::Type::kError) {
    const bool nothing = PromisesNothing(reply.text);
    operation.outcome = nothing ? Outcome::kFailed : Outcome::kUncertain;
    return;
  }
  if (!TakeReply(reply, operation, context)) {
    protocol_error_ = "a reply of the wrong form: " + operation.reply;
    return;
  }
  operation.outcome = Outcome::kOk;
  if (operation.kind == Kind::kWait) waited_.push_back(&operation);
  workload_.Learn(operation, context);
}

}  // namespace cartwheel::sim
