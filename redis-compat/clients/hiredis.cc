// hiredis 0.14, blocking, which speaks RESP2. redis-compat/run compiles it.

#include <chrono>
#include <initializer_list>
#include <memory>
#include <set>
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

struct FreeReply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

using Words = std::vector<std::string_view>;

// One connection. Replies become text: a status or value as it is, "(nil)", "(integer) 1",
// "(error) ...", arrays as "[a, b]".
class Connection {
 public:
  explicit Connection(const char* port_variable = "COMPAT_PORT")
      : context_(redisConnectWithTimeout(Environment("COMPAT_HOST").c_str(),
                                         std::stoi(Environment(port_variable)), {5, 0})) {
    if (context_ == nullptr || context_->err != 0) throw std::runtime_error("cannot connect");
    redisSetTimeout(context_, {5, 0});
  }
  ~Connection() { redisFree(context_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Append(const Words& words) {
    std::vector<const char*> data;
    std::vector<size_t> sizes;
    for (std::string_view word : words) {
      data.push_back(word.data());
      sizes.push_back(word.size());
    }
    redisAppendCommandArgv(context_, static_cast<int>(words.size()), data.data(), sizes.data());
  }

  Reply Read() {
    void* reply = nullptr;
    if (redisGetReply(context_, &reply) != REDIS_OK) throw std::runtime_error(context_->errstr);
    return Reply(static_cast<redisReply*>(reply));
  }

  Reply Ask(const Words& words) {
    Append(words);
    return Read();
  }

  std::string ReadText() { return TextOf(*Read()); }
  std::string operator()(std::initializer_list<std::string_view> words) {
    return TextOf(*Ask(Words(words)));
  }

  // Sends the commands one after the other; their replies are separated by a space.
  std::string InOrder(const std::vector<Words>& commands) {
    std::string replies;
    for (const Words& command : commands) {
      replies += (replies.empty() ? "" : " ") + TextOf(*Ask(command));
    }
    return replies;
  }

  bool Reconnect() { return redisReconnect(context_) == REDIS_OK; }

 private:
  redisContext* context_;
};

std::string AllBytes(int times = 1) {
  std::string bytes;
  for (int i = 0; i < 256 * times; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

void Values(Connection& r) {
  Step("values/set-get", [&] {
    Equal(r({"SET", "greeting", "hello"}), "OK");
    Equal(r({"GET", "greeting"}), "hello");
  });
  Step("values/missing", [&] {
    Equal(r({"GET", "no such key"}), "(nil)");
    Equal(r({"DEL", "no such key"}), "(integer) 0");
  });
  Step("values/binary-value", [&] {
    Equal(r({"SET", "bytes", AllBytes()}), "OK");
    Equal(r({"GET", "bytes"}), AllBytes());
  });
  Step("values/binary-key", [&] {
    Equal(r({"SET", AllBytes(), "v"}), "OK");
    Equal(r({"GET", AllBytes()}), "v");
    Equal(r({"EXISTS", AllBytes()}), "(integer) 1");
  });
  Step("values/1mb", [&] {
    const std::string big = AllBytes(4096);
    Equal(r({"SET", "big", big}), "OK");
    Equal(r({"GET", "big"}), big);
  });
  Step("pipeline/1000", [&] {
    for (int i = 0; i < 1000; ++i) {
      const std::string key = "pipe:" + std::to_string(i);
      r.Append({"SET", key, key});
      r.Append({"GET", key});
    }
    for (int i = 0; i < 1000; ++i) {
      Equal(r.ReadText(), "OK");
      Equal(r.ReadText(), "pipe:" + std::to_string(i));
    }
  });
}

void Transactions(Connection& r) {
  Step("multi/exec", [&] {
    Equal(r({"SET", "tx", "1"}), "OK");
    Equal(r({"MULTI"}), "OK");
    Equal(r({"INCR", "tx"}), "QUEUED");
    Equal(r({"GET", "tx"}), "QUEUED");
    Equal(r({"EXEC"}), "[(integer) 2, 2]");
  });
  Step("multi/discard", [&] {
    Equal(r.InOrder({{"MULTI"}, {"SET", "tx", "9"}, {"DISCARD"}}), "OK QUEUED OK");
    Equal(r({"GET", "tx"}), "2");
  });
  Step("multi/watch-conflict", [&] {
    Connection other;
    Equal(r({"WATCH", "tx"}), "OK");
    Equal(other({"SET", "tx", "other"}), "OK");
    Equal(r.InOrder({{"MULTI"}, {"SET", "tx", "mine"}, {"EXEC"}}), "OK QUEUED (nil)");
    Equal(r({"GET", "tx"}), "other");
  });
}

void Expiry(Connection& r) {
  Step("expire/ex-ttl", [&] {
    Equal(r({"SET", "ttl", "v", "EX", "100"}), "OK");
    const std::string ttl = r({"TTL", "ttl"});
    True(ttl == "(integer) 100" || ttl == "(integer) 99", "TTL is 99 or 100, not " + ttl);
    Equal(r.InOrder({{"TTL", "greeting"}, {"TTL", "nil"}}), "(integer) -1 (integer) -2");
  });
  Step("expire/px-gone", [&] {
    Equal(r({"SET", "short", "v", "PX", "250"}), "OK");
    const long long left = r.Ask({"PTTL", "short"})->integer;
    True(left > 0 && left <= 250, "PTTL is in 1..250");
    for (int i = 0; i < 300 && r({"GET", "short"}) != "(nil)"; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    Equal(r.InOrder({{"GET", "short"}, {"EXISTS", "short"}}), "(nil) (integer) 0");
  });
}

void Scan(Connection& r) {
  Step("scan/1000", [&] {
    std::set<std::string> wanted, found;
    for (int i = 0; i < 1000; ++i) {
      wanted.insert("scan:" + std::to_string(i));
      r.Ask({"SET", "scan:" + std::to_string(i), "v"});
    }
    std::string cursor = "0";
    do {
      const Reply page = r.Ask({"SCAN", cursor, "MATCH", "scan:*", "COUNT", "50"});
      True(page->type == REDIS_REPLY_ARRAY && page->elements == 2, "SCAN answers a pair");
      cursor = TextOf(*page->element[0]);
      const redisReply& keys = *page->element[1];
      for (size_t i = 0; i < keys.elements; ++i) found.insert(TextOf(*keys.element[i]));
    } while (cursor != "0");
    True(found == wanted, "exactly the 1000 keys were found");
  });
}

void PublishSubscribe(Connection& r) {
  Step("pubsub/channel", [&] {
    Connection listener;
    Equal(listener({"SUBSCRIBE", "news"}), "[subscribe, news, (integer) 1]");
    Equal(r({"PUBLISH", "news", AllBytes()}), "(integer) 1");
    Equal(listener.ReadText(), "[message, news, " + AllBytes() + "]");
  });
  Step("pubsub/pattern", [&] {
    Connection listener;
    Equal(listener({"PSUBSCRIBE", "new?.*"}), "[psubscribe, new?.*, (integer) 1]");
    Equal(r({"PUBLISH", "news.de", "hello"}), "(integer) 1");
    Equal(listener.ReadText(), "[pmessage, new?.*, news.de, hello]");
  });
  Step("pubsub/unsubscribe", [&] {
    Connection listener;
    listener.Append({"SUBSCRIBE", "a", "b"});
    listener.Append({"UNSUBSCRIBE", "a"});
    listener.Append({"UNSUBSCRIBE"});
    listener.Append({"GET", "greeting"});
    Equal(listener.ReadText(), "[subscribe, a, (integer) 1]");
    Equal(listener.ReadText(), "[subscribe, b, (integer) 2]");
    Equal(listener.ReadText(), "[unsubscribe, a, (integer) 1]");
    Equal(listener.ReadText(), "[unsubscribe, b, (integer) 0]");
    Equal(listener.ReadText(), "hello");
    Equal(r({"PUBLISH", "a", "x"}), "(integer) 0");
  });
}

void CountersAndErrors(Connection& r) {
  Step("count/incr", [&] {
    Equal(r.InOrder({{"INCR", "n"}, {"INCRBY", "n", "41"}, {"DECRBY", "n", "2"}}),
          "(integer) 1 (integer) 42 (integer) 40");
  });
  Step("count/incrbyfloat", [&] {
    Equal(r.InOrder({{"INCRBYFLOAT", "f", "10.5"}, {"INCRBYFLOAT", "f", "0.1"}}), "10.5 10.6");
  });
  Step("error/arity",
       [&] { Equal(r({"GET"}), "(error) ERR wrong number of arguments for 'get' command"); });
  Step("error/not-integer", [&] {
    Equal(r({"INCR", "greeting"}), "(error) ERR value is not an integer or out of range");
  });
}

void Passwords() {
  const std::string password = Environment("COMPAT_PASSWORD");
  Step("auth/required", [&] {
    Connection locked("COMPAT_AUTH_PORT");
    Equal(locked({"GET", "k"}), "(error) NOAUTH Authentication required.");
  });
  Step("auth/wrong", [&] {
    Connection locked("COMPAT_AUTH_PORT");
    Equal(locked({"AUTH", "nonsense"}),
          "(error) WRONGPASS invalid username-password pair or user is disabled.");
    Equal(locked({"GET", "k"}), "(error) NOAUTH Authentication required.");
  });
  Step("auth/right", [&] {
    Connection locked("COMPAT_AUTH_PORT");
    Equal(locked.InOrder({{"AUTH", password}, {"SET", "k", "v"}}), "OK OK");
    Equal(locked.InOrder({{"AUTH", "default", password}, {"GET", "k"}}), "OK v");
  });
}

void Connections(Connection& r) {
  Step("reconnect/after-kill", [&] {
    Connection victim;
    const std::string id = std::to_string(victim.Ask({"CLIENT", "ID"})->integer);
    Equal(r({"CLIENT", "KILL", "ID", id}), "(integer) 1");
    bool noticed = false;
    try {
      victim({"PING"});
    } catch (const std::runtime_error&) {
      noticed = true;
    }
    True(noticed, "the killed connection reports an error");
    True(victim.Reconnect(), "it connects again");
    Equal(victim({"GET", "greeting"}), "hello");
  });
  Step("select/isolation", [&] {
    Connection other;
    Equal(other.InOrder({{"SELECT", "5"}, {"SET", "only in 5", "v"}}), "OK OK");
    Equal(r({"GET", "only in 5"}), "(nil)");
    Equal(other({"GET", "greeting"}), "(nil)");
    Equal(other.InOrder({{"DBSIZE"}, {"FLUSHDB"}}), "(integer) 1 OK");
    Equal(r({"GET", "greeting"}), "hello");
  });
  Step("name/set-get", [&] {
    Equal(r.InOrder({{"CLIENT", "SETNAME", "compat-test"}, {"CLIENT", "GETNAME"}}),
          "OK compat-test");
    True(r({"CLIENT", "LIST"}).find(" name=compat-test ") != std::string::npos,
         "CLIENT LIST shows the name");
  });
}

void ManyKeys(Connection& r) {
  Step("many/mset-mget-1000", [&] {
    std::vector<std::string> keys;
    for (int i = 0; i < 1000; ++i) keys.push_back("many:" + std::to_string(i));
    Words mset{"MSET"}, mget{"MGET"};
    for (const std::string& key : keys) {
      mset.insert(mset.end(), {key, key});
      mget.push_back(key);
    }
    Equal(TextOf(*r.Ask(mset)), "OK");
    const Reply values = r.Ask(mget);
    True(values->elements == 1000, "MGET answers 1000 values");
    for (size_t i = 0; i < 1000; ++i) Equal(TextOf(*values->element[i]), keys[i]);
  });
}

void Info(Connection& r) {
  Step("info/parse", [&] {
    const std::string info = r({"INFO"});
    for (const std::string& line :
         {std::string("\r\nredis_version:7."), std::string("\r\nrole:master\r\n"),
          "\r\ntcp_port:" + Environment("COMPAT_PORT") + "\r\n", std::string("\r\ndb0:keys=3")}) {
      True(info.find(line) != std::string::npos, "INFO has " + line.substr(2));
    }
  });
}

}  // namespace

int main() {
  Connection r;
  Step("connect/resp2", [&] { Equal(r({"PING"}), "PONG"); });
  compat::Skip("connect/resp3", "hiredis 0.14 parses RESP2 only");
  Values(r);
  Transactions(r);
  Expiry(r);
  Scan(r);
  PublishSubscribe(r);
  CountersAndErrors(r);
  Passwords();
  Connections(r);
  ManyKeys(r);
  Info(r);
  compat::Done();
  return 0;
}
