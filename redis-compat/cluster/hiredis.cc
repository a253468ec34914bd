// hiredis 0.14 as cluster clients in C are built on it: CLUSTER SLOTS says which node to ask for
// which slot, a MOVED corrects that, and what fails is tried again, five times in all, at another
// node and with a new CLUSTER SLOTS. redis-compat/run-cluster compiles it.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <hiredis/hiredis.h>

#include "../lib/reply_text.h"
#include "../lib/steps.h"

using compat::Environment;
using compat::Equal;
using compat::Step;
using compat::True;

namespace {

constexpr int kSlots = 16384;
constexpr timeval kTimeout = {2, 0};

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;
using Context = std::unique_ptr<redisContext, FreeContext>;
using Words = std::vector<std::string>;

int SlotOf(std::string_view key) {
  const size_t open = key.find('{');
  const size_t close = open == key.npos ? key.npos : key.find('}', open + 1);
  if (close != key.npos && close > open + 1) key = key.substr(open + 1, close - open - 1);
  uint16_t crc = 0;
  for (const char c : key) {
    crc ^= static_cast<uint16_t>(static_cast<uint8_t>(c) << 8);
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<uint16_t>((crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1);
    }
  }
  return crc % kSlots;
}

class Cluster {
 public:
  explicit Cluster(const std::string& nodes) {
    std::istringstream words(nodes);
    for (std::string address; words >> address;) seeds_.push_back(address);
    ReadSlots();
  }

  std::string operator()(const Words& command) { return TextOf(*Ask(command)); }

  // All of one slot, in one go and without another try.
  std::vector<std::string> Pipeline(const std::vector<Words>& commands) {
    redisContext& context = ConnectionTo(nodes_.at(SlotOf(commands.at(0).at(1))));
    for (const Words& command : commands) Append(context, command);
    std::vector<std::string> replies;
    for (size_t i = 0; i < commands.size(); ++i) replies.push_back(TextOf(*Read(context)));
    return replies;
  }

  size_t node_count() const {
    std::map<std::string, int> nodes;
    for (const std::string& node : nodes_) ++nodes[node];
    return nodes.size();
  }

 private:
  Reply Ask(const Words& command) {
    constexpr int kTries = 5;
    const auto slot = static_cast<size_t>(SlotOf(command.at(1)));
    std::string why;
    for (int i = 0; i < kTries; ++i) {
      const std::string asked = nodes_[slot];
      try {
        Reply reply = AskAt(asked, command);
        if (reply->type != REDIS_REPLY_ERROR) return reply;
        why = TextOf(*reply);
        const std::string_view error(reply->str, reply->len);
        if (error.starts_with("MOVED ")) {
          nodes_[slot] = std::string(error.substr(error.rfind(' ') + 1));
        } else if (error.starts_with("CLUSTERDOWN")) {
          std::this_thread::sleep_for(std::chrono::milliseconds(50));
        } else {
          return reply;
        }
      } catch (const std::exception& error) {
        why = error.what();
        connections_.erase(asked);
        ReadSlots();
        if (nodes_[slot] == asked) nodes_[slot] = seeds_[static_cast<size_t>(i) % seeds_.size()];
      }
    }
    throw std::runtime_error("after five tries: " + why);
  }

  // From whoever answers first.
  void ReadSlots() {
    for (const std::string& seed : seeds_) {
      try {
        const Reply reply = AskAt(seed, {"CLUSTER", "SLOTS"});
        std::vector<std::string> nodes(kSlots);
        for (size_t i = 0; i < reply->elements; ++i) {
          const redisReply& range = *reply->element[i];
          const redisReply& of = *range.element[2];
          const std::string address =
              std::string(of.element[0]->str) + ":" + std::to_string(of.element[1]->integer);
          for (auto slot = range.element[0]->integer; slot <= range.element[1]->integer; ++slot) {
            nodes.at(static_cast<size_t>(slot)) = address;
          }
        }
        for (const std::string& node : nodes) True(!node.empty(), "every slot is listed");
        nodes_ = std::move(nodes);
        return;
      } catch (const std::exception&) {
        connections_.erase(seed);
      }
    }
    throw std::runtime_error("no node tells the slots");
  }

  Reply AskAt(const std::string& node, const Words& command) {
    redisContext& context = ConnectionTo(node);
    Append(context, command);
    return Read(context);
  }

  redisContext& ConnectionTo(const std::string& node) {
    Context& connection = connections_[node];
    if (connection == nullptr) {
      const size_t colon = node.rfind(':');
      connection.reset(redisConnectWithTimeout(node.substr(0, colon).c_str(),
                                               std::stoi(node.substr(colon + 1)), kTimeout));
      if (connection == nullptr || connection->err != 0) {
        connections_.erase(node);
        throw std::runtime_error("cannot connect to " + node);
      }
      redisSetTimeout(connection.get(), kTimeout);
    }
    return *connection;
  }

  static void Append(redisContext& context, const Words& command) {
    std::vector<const char*> data;
    std::vector<size_t> sizes;
    for (const std::string& word : command) {
      data.push_back(word.data());
      sizes.push_back(word.size());
    }
    redisAppendCommandArgv(&context, static_cast<int>(command.size()), data.data(), sizes.data());
  }

  static Reply Read(redisContext& context) {
    void* reply = nullptr;
    if (redisGetReply(&context, &reply) != REDIS_OK) throw std::runtime_error(context.errstr);
    return Reply(static_cast<redisReply*>(reply));
  }

  std::vector<std::string> seeds_;
  std::vector<std::string> nodes_ = std::vector<std::string>(kSlots);  // by slot
  std::map<std::string, Context> connections_;
};

// One operation after another until the time is over: writes a key and reads it back.
void Death(Cluster& cluster) {
  using std::chrono::steady_clock;
  const std::string client = Environment("COMPAT_CLIENT");
  const auto end = steady_clock::now() + std::chrono::seconds(stoi(Environment("COMPAT_SECONDS")));
  int operations = 0;
  int errors = 0;
  steady_clock::duration longest{};
  std::string last;
  for (int i = 0; steady_clock::now() < end; ++i) {
    const std::string key = "death:" + client + ":" + std::to_string(i % 200);
    const auto began = steady_clock::now();
    try {
      Equal(cluster({"SET", key, std::to_string(i)}), "OK");
      Equal(cluster({"GET", key}), std::to_string(i));
    } catch (const std::exception& error) {
      ++errors;
      last = error.what();
    }
    operations += 2;
    longest = std::max(longest, steady_clock::now() - began);
  }
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(longest).count();
  std::printf("death %d %d %d %s\n", operations, errors, static_cast<int>(ms), last.c_str());
}

void Steps(Cluster& r) {
  Step("cluster/connect", [&] {
    std::istringstream words(Environment("COMPAT_NODES"));
    size_t nodes = 0;
    for (std::string address; words >> address;) ++nodes;
    Equal(std::to_string(r.node_count()), std::to_string(nodes));
  });
  Step("cluster/set-get", [&] {
    for (int i = 0; i < 300; ++i) {
      Equal(r({"SET", "c:" + std::to_string(i), "v" + std::to_string(i)}), "OK");
    }
    for (int i = 0; i < 300; ++i) {
      Equal(r({"GET", "c:" + std::to_string(i)}), "v" + std::to_string(i));
    }
  });
  Step("cluster/hash-tag", [&] {
    Equal(r({"MSET", "{t}:a", "1", "{t}:b", "2"}), "OK");
    Equal(r({"MGET", "{t}:a", "{t}:b", "{t}:c"}), "[1, 2, (nil)]");
  });
  Step("cluster/pipeline", [&] {
    const auto replies = r.Pipeline(std::vector<Words>(10, {"INCR", "{p}:c"}));
    for (size_t i = 0; i < replies.size(); ++i) {
      Equal(replies[i], "(integer) " + std::to_string(i + 1));
    }
  });
  Step("cluster/multi", [&] {
    const auto replies = r.Pipeline(
        {{"WATCH", "{m}:c"}, {"MULTI"}, {"SET", "{m}:c", "1"}, {"INCR", "{m}:c"}, {"EXEC"}});
    Equal(replies.back(), "[OK, (integer) 2]");
  });
  Step("cluster/delete", [&] {
    int deleted = 0;
    for (int i = 0; i < 300; ++i) deleted += r({"DEL", "c:" + std::to_string(i)}) == "(integer) 1";
    Equal(std::to_string(deleted), "300");
  });
}

}  // namespace

int main(int argc, char** argv) {
  Cluster cluster(Environment("COMPAT_NODES"));
  if (argc > 1 && std::string_view(argv[1]) == "death") {
    Death(cluster);
  } else {
    Steps(cluster);
    compat::Done();
  }
}
