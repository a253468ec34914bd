// bench_load: the clients of cluster.py, where redis-benchmark does not do: they speak to
// several nodes at once, and can have WAIT follow each write.
//   bench_load --ports P[,P...] --clients N --requests N --pipeline N --keys N --value-bytes N
//              (get | set) [--wait]
// One line: requests per second, p50 and p99 in ms of a batch of `pipeline` requests, errors.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <poll.h>
#include <sstream>
#include <string>
#include <vector>

#include <hiredis/hiredis.h>

#include "tests/cluster/random.h"

namespace cartwheel {
namespace {

using Clock = std::chrono::steady_clock;

struct Plan {
  std::vector<int> ports;
  uint64_t clients = 50;
  uint64_t requests = 100'000;
  uint64_t pipeline = 1;
  uint64_t keys = 1'000'000;
  uint64_t value_bytes = 100;
  bool writes = false;
  bool waits = false;
};

[[noreturn]] void Die(const std::string& reason) {
  std::cerr << "bench_load: " << reason << '\n';
  std::exit(1);
}

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};

struct Client {
  std::unique_ptr<redisContext, FreeContext> context;
  uint64_t open = 0;  // replies that are still to come
  Clock::time_point sent_at;
};

class Load {
 public:
  explicit Load(const Plan& plan) : plan_(plan), value_(plan.value_bytes, 'x') {
    for (uint64_t i = 0; i < plan.clients; ++i) {
      const int port = plan.ports[i % plan.ports.size()];
      Client& client = clients_.emplace_back();
      client.context.reset(redisConnect("127.0.0.1", port));
      if (client.context == nullptr || client.context->err != 0) Die("cannot connect");
    }
  }

  void Run() {
    const auto began = Clock::now();
    std::vector<pollfd> waiting;
    for (Client& client : clients_) Send(client);
    uint64_t busy = 0;
    do {
      busy = 0;
      waiting.clear();
      for (Client& client : clients_) {
        busy += client.open > 0 ? 1 : 0;
        waiting.push_back(
            {client.context->fd, static_cast<short>(client.open > 0 ? POLLIN : 0), 0});
      }
      if (busy > 0 && poll(waiting.data(), waiting.size(), 30'000) <= 0) Die("no reply for 30 s");
      for (size_t i = 0; i < clients_.size(); ++i) {
        if (waiting[i].revents != 0) Receive(clients_[i]);
      }
    } while (busy > 0);
    Report(std::chrono::duration<double>(Clock::now() - began).count());
  }

 private:
  void Send(Client& client) {
    if (sent_ >= plan_.requests) return;
    redisContext* const context = client.context.get();
    for (uint64_t i = 0; i < plan_.pipeline; ++i, ++sent_) {
      char key[32];
      std::snprintf(key, sizeof(key), "key:%012llu",
                    static_cast<unsigned long long>(random_.Below(plan_.keys)));
      if (plan_.writes) {
        redisAppendCommand(context, "SET %s %b", key, value_.data(), value_.size());
        if (plan_.waits) redisAppendCommand(context, "WAIT 1 1000");
      } else {
        redisAppendCommand(context, "GET %s", key);
      }
    }
    client.open = plan_.pipeline * (plan_.waits ? 2 : 1);
    client.sent_at = Clock::now();
    int done = 0;
    while (done == 0) {
      if (redisBufferWrite(context, &done) != REDIS_OK) Die(context->errstr);
    }
  }

  void Receive(Client& client) {
    redisContext* const context = client.context.get();
    if (redisBufferRead(context) != REDIS_OK) Die(context->errstr);
    void* got = nullptr;
    while (redisGetReplyFromReader(context, &got) == REDIS_OK && got != nullptr) {
      auto* const reply = static_cast<redisReply*>(got);
      if (reply->type == REDIS_REPLY_ERROR && ++errors_ == 1) std::cerr << reply->str << '\n';
      freeReplyObject(reply);
      if (--client.open > 0) continue;
      batches_ms_.push_back(
          std::chrono::duration<double, std::milli>(Clock::now() - client.sent_at).count());
      Send(client);
      return;
    }
  }

  void Report(double seconds) {
    std::ranges::sort(batches_ms_);
    const auto at = [this](double share) {
      return batches_ms_[static_cast<size_t>(share * static_cast<double>(batches_ms_.size() - 1))];
    };
    std::cout << static_cast<double>(sent_) / seconds << ' ' << at(0.5) << ' ' << at(0.99) << ' '
              << errors_ << '\n';
  }

  const Plan plan_;
  const std::string value_;
  std::vector<Client> clients_;
  cluster::Random random_{1};
  uint64_t sent_ = 0;
  uint64_t errors_ = 0;
  std::vector<double> batches_ms_;
};

uint64_t NumberOf(const std::string& text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) {
    Die("not a number: " + text);
  }
  return number;
}

Plan Parse(const std::vector<std::string>& words) {
  Plan plan;
  const std::map<std::string, uint64_t*> numbers = {{"--clients", &plan.clients},
                                                    {"--requests", &plan.requests},
                                                    {"--pipeline", &plan.pipeline},
                                                    {"--keys", &plan.keys},
                                                    {"--value-bytes", &plan.value_bytes}};
  for (size_t i = 0; i < words.size(); ++i) {
    const auto number = numbers.find(words[i]);
    if (words[i] == "get" || words[i] == "set") {
      plan.writes = words[i] == "set";
    } else if (words[i] == "--wait") {
      plan.waits = true;
    } else if (i + 1 == words.size()) {
      Die("what is " + words[i] + "?");
    } else if (words[i] == "--ports") {
      std::istringstream ports(words[++i]);
      for (std::string port; std::getline(ports, port, ',');) {
        plan.ports.push_back(static_cast<int>(NumberOf(port)));
      }
    } else if (number != numbers.end()) {
      *number->second = NumberOf(words[++i]);
    } else {
      Die("what is " + words[i] + "?");
    }
  }
  if (plan.ports.empty()) Die("--ports is missing");
  return plan;
}

}  // namespace
}  // namespace cartwheel

int main(int argc, char** argv) {
  cartwheel::Load(cartwheel::Parse(std::vector<std::string>(argv + 1, argv + argc))).Run();
}
