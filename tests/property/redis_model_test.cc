// Random commands of several clients, with time moving, against a server and against the model:
// every reply must be the same, and so must what is left in the end.
#include "tests/property/redis_model.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/server/server_tester.h"

namespace cartwheel::server {
namespace {

using Arguments = RedisModel::Arguments;

constexpr uint64_t kSeeds = 400;
constexpr int kCommands = 250;
constexpr int kClients = 3;

// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Below(uint64_t bound) {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) % bound;
  }
  std::string OneOf(std::initializer_list<std::string_view> words) {
    return std::string(words.begin()[Below(words.size())]);
  }

 private:
  uint64_t state_;
};

// Commands as sentences of placeholders: K a key, V a value, N a number, B a bit offset, I an
// index, M milliseconds, D a database; every other word stands for itself.
constexpr std::string_view kSentences[] = {
    "set K V",
    "set K V",
    "set K N",
    "set K V px M",
    "set K V px M",
    "set K V ex 1",
    "set K V nx",
    "set K V xx get",
    "set K V nx get",
    "set K V keepttl",
    "set K V px",
    "set K V nx xx",
    "set K V keepttl px M",
    "get K",
    "get K",
    "setnx K V",
    "getset K V",
    "getdel K",
    "getex K px M",
    "getex K persist",
    "getex K",
    "append K V",
    "append K N",
    "strlen K",
    "getrange K I I",
    "setrange K B V",
    "incr K",
    "decr K",
    "incrby K N",
    "decrby K N",
    "mget K K K",
    "mset K V K V",
    "mset K V K",
    "msetnx K V K V",
    "del K K",
    "exists K K K",
    "type K",
    "expire K 1",
    "expire K I",
    "pexpire K M",
    "pexpire K M nx",
    "pexpire K M xx",
    "pexpire K M gt",
    "pexpire K M lt",
    "pexpire K N",
    "ttl K",
    "pttl K",
    "persist K",
    "rename K K",
    "renamenx K K",
    "copy K K",
    "copy K K replace",
    "move K D",
    "flushdb",
    "select D",
    "setbit K B 0",
    "setbit K B 1",
    "getbit K B",
    "bitcount K",
    "bitcount K I I",
    "bitop and K K K",
    "bitop or K K K",
    "bitop xor K K K",
    "bitop not K K",
    "bitop not K K K",
    "multi",
    "multi",
    "exec",
    "exec",
    "exec",
    "discard",
    "watch K",
    "watch K K",
    "get",
    "incr K N",
};

std::string Word(Random& random, std::string_view word) {
  if (word.size() != 1) return std::string(word);
  switch (word[0]) {
    case 'K': return "key" + std::to_string(random.Below(6));
    case 'V':
      return random.OneOf({"", "a", "10", "-7", "hello", std::string_view("\0\xff\x0f", 3), "007"});
    case 'N':
      return random.OneOf({"0", "1", "-1", "17", "9223372036854775807", "-9223372036854775808",
                           "9223372036854775808", "1x", "+1", "01", "-0"});
    case 'B': return random.OneOf({"0", "3", "8", "15", "20", "-1", "x"});
    case 'I': return random.OneOf({"0", "1", "2", "5", "-1", "-2", "-100", "100", "x"});
    case 'M': return random.OneOf({"1", "5", "20", "300", "1500", "0", "-1", "x"});
    case 'D': return random.OneOf({"0", "0", "1", "2", "15", "16", "-1", "x"});
    default: return std::string(word);
  }
}

Arguments AnyCommand(Random& random) {
  std::string_view sentence = kSentences[random.Below(std::size(kSentences))];
  Arguments args;
  while (!sentence.empty()) {
    const size_t space = std::min(sentence.find(' '), sentence.size());
    args.push_back(Word(random, sentence.substr(0, space)));
    sentence.remove_prefix(std::min(space + 1, sentence.size()));
  }
  return args;
}

std::string Encode(const Arguments& args) {
  std::string request = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    request += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return request;
}

std::string Show(const Arguments& args) {
  std::string line;
  for (const std::string& arg : args) line += ' ' + testing::PrintToString(arg);
  return line;
}

class History {
 public:
  explicit History(uint64_t seed) : random_(seed), model_clients_(kClients) {}

  // False at the first reply that differs.
  bool Run() {
    for (int i = 0; i < kCommands; ++i) {
      if (random_.Below(8) == 0) LetTimePass();
      const size_t client = random_.Below(kClients);
      if (!Agree(client, AnyCommand(random_))) return false;
    }
    return AgreeAboutWhatIsLeft();
  }
  const std::string& log() const { return log_; }

 private:
  void LetTimePass() {
    constexpr int64_t kPauses[] = {1'000, 3'000, 20'000, 120'000, 1'000'000};
    const int64_t pause_us = kPauses[random_.Below(std::size(kPauses))];
    log_ += "  " + std::to_string(pause_us) + " us pass\n";
    redis_.Advance(pause_us);
  }

  bool Agree(size_t client, const Arguments& args) {
    const std::string name(1, static_cast<char>('a' + client));
    const std::string expected =
        model_.Execute(model_clients_[client], args, redis_.now().unix_ms());
    const std::string got = redis_.Exchange(name, Encode(args));
    log_ += "  " + name + ":" + Show(args) + " -> " + testing::PrintToString(got) + "\n";
    if (got == expected) return true;
    log_ += "  the model says " + testing::PrintToString(expected) + "\n";
    return false;
  }

  // Every key is read through commands; a last client of its own is in no transaction.
  bool AgreeAboutWhatIsLeft() {
    model_clients_.emplace_back();
    const size_t reader = model_clients_.size() - 1;
    for (int database = 0; database < RedisModel::kDatabases; ++database) {
      if (!Agree(reader, {"select", std::to_string(database)})) return false;
      size_t keys = 0;
      for (const auto& [key, entry] : model_.entries(redis_.now().unix_ms())) {
        if (key.first == database) ++keys;
      }
      const std::string name(1, static_cast<char>('a' + reader));
      if (redis_.Send(name, "KEYS *").elements.size() != keys) {
        log_ += "  other than " + std::to_string(keys) + " keys are left\n";
        return false;
      }
      for (int i = 0; i < 6; ++i) {
        const std::string key = "key" + std::to_string(i);
        if (!Agree(reader, {"get", key}) || !Agree(reader, {"pttl", key})) return false;
      }
    }
    return true;
  }

  Random random_;
  ServerTester redis_;
  RedisModel model_;
  std::vector<RedisModel::Client> model_clients_;
  std::string log_;
};

TEST(RedisModel, TheServerAnswersAsTheModel) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    History history(seed);
    ASSERT_TRUE(history.Run()) << "seed " << seed << ":\n" << history.log();
  }
}

}  // namespace
}  // namespace cartwheel::server
