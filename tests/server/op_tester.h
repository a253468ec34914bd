// Runs command lines through a parser and its operation against a handful of keys, without an
// executor, a session or an engine.
//
//   OpTester redis;
//   redis.Put("n", "41");
//   EXPECT_EQ(redis.Run(ParseIncr, "INCR n"), ":42\r\n");
//   EXPECT_EQ(redis.Get("n"), "42");
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "resp/request_parser.h"
#include "server/ops/parsers.h"

namespace cartwheel::server {

// Where a command has its keys, as in Redis's command table; a negative last counts from the end.
struct KeyRange {
  int first = 1;
  int last = 1;
  int step = 1;
};

inline constexpr KeyRange kOneKey;
inline constexpr KeyRange kTwoKeys{.first = 1, .last = 2};
inline constexpr KeyRange kAllKeys{.first = 1, .last = -1};

class OpTester {
 public:
  static constexpr int64_t kNowMs = 1'700'000'000'000;

  struct Stored {
    std::string bytes;
    cluster::ExpireAt expire_at = cluster::kNoExpiry;
    cluster::Type type = cluster::Type::kString;
  };

  void Put(std::string_view key, std::string_view bytes,
           cluster::ExpireAt expire_at = cluster::kNoExpiry, cluster::Database database = 0) {
    keys_[{database, std::string(key)}] = {std::string(bytes), expire_at};
  }

  // A value of a type that no operation on strings knows.
  void PutOtherType(std::string_view key) {
    keys_[{0, std::string(key)}] = {"?", cluster::kNoExpiry, static_cast<cluster::Type>(15)};
  }

  // nullopt: the key is absent or has expired.
  std::optional<std::string> Get(std::string_view key, cluster::Database database = 0) const {
    const Stored* stored = Find({database, key});
    return stored == nullptr ? std::nullopt : std::optional(stored->bytes);
  }

  // nullopt: the key is absent or has expired.
  std::optional<cluster::ExpireAt> ExpireAtOf(std::string_view key,
                                              cluster::Database database = 0) const {
    const Stored* stored = Find({database, key});
    return stored == nullptr ? std::nullopt : std::optional(stored->expire_at);
  }

  // Takes a line as an inline command: quotes and their escapes work. The reply's bytes; an error
  // of the parser as an error reply.
  std::string Run(OperationParser parser, std::string_view line, KeyRange positions = kOneKey) {
    const std::string input = std::string(line) + "\r\n";
    resp::RequestParser request;
    EXPECT_EQ(request.Parse(input, {}), resp::RequestParser::Status::kComplete) << line;
    return RunArgs(parser, {request.args().begin(), request.args().end()}, positions);
  }

  std::string RunArgs(OperationParser parser, std::vector<std::string> args,
                      KeyRange positions = kOneKey) {
    args_ = std::move(args);
    changes_.clear();
    std::string bytes;
    resp::ReplyWriter reply(bytes, protocol);
    request_ = {.keys = KeysAt(positions), .operation = {}};
    views_.assign(args_.begin(), args_.end());
    const ParseContext context{.max_string_bytes = max_string_bytes};
    if (const auto parsed = parser(views_, context, request_); parsed) {
      ApplyRequest(reply);
    } else {
      reply.Error(parsed.error());
    }
    return bytes;
  }

  // The last run's changes, one for each key; none after an error of the parser.
  const std::vector<cluster::Change>& changes() const { return changes_; }
  Access access() const { return AccessOf(request_.operation); }
  const OperationRequest& request() const { return request_; }

  resp::Protocol protocol = resp::Protocol::kResp2;
  size_t max_string_bytes = 512UL << 20;
  int64_t now_ms = kNowMs;

 private:
  using StoreKey = std::pair<cluster::Database, std::string>;

  const Stored* Find(const cluster::KeyRef& ref) const {
    const auto found = keys_.find({ref.database, std::string(ref.key)});
    if (found == keys_.end()) return nullptr;
    const Stored& stored = found->second;
    const bool expired = stored.expire_at != cluster::kNoExpiry && stored.expire_at <= now_ms;
    return expired ? nullptr : &stored;
  }

  std::vector<cluster::KeyRef> KeysAt(KeyRange positions) const {
    const int count = static_cast<int>(args_.size());
    const int last = positions.last < 0 ? count + positions.last : positions.last;
    std::vector<cluster::KeyRef> keys;
    for (int i = positions.first; i <= std::min(last, count - 1); i += positions.step) {
      keys.push_back({.database = 0, .key = args_[static_cast<size_t>(i)]});
    }
    return keys;
  }

  // As the executor does it: a blind write is shown no values, changes take effect in order.
  void ApplyRequest(resp::ReplyWriter& reply) {
    shown_.clear();
    std::vector<std::optional<cluster::Value>> values;
    if (access() != Access::kBlindWrite) {
      for (const cluster::KeyRef& key : request_.keys) values.push_back(Show(key));
    }
    changes_.resize(request_.keys.size());
    OpOutput out{.changes = changes_, .reply = reply};
    Apply(request_.operation,
          {.keys = request_.keys,
           .values = values,
           .now_ms = now_ms,
           .max_string_bytes = max_string_bytes},
          out);
    for (size_t i = 0; i < changes_.size(); ++i) Store(request_.keys[i], changes_[i]);
  }

  // A copy that lives until the next run, because changes may borrow from it.
  std::optional<cluster::Value> Show(const cluster::KeyRef& key) {
    const Stored* stored = Find(key);
    if (stored == nullptr) return std::nullopt;
    shown_.push_back(*stored);
    return cluster::Value{.type = shown_.back().type,
                          .bytes = shown_.back().bytes,
                          .expire_at = shown_.back().expire_at};
  }

  void Store(const cluster::KeyRef& ref, const cluster::Change& change) {
    const StoreKey key{ref.database, ref.key};
    switch (change.kind()) {
      case cluster::Change::Kind::kNone: break;
      case cluster::Change::Kind::kPut:
        keys_[key] = {std::string(change.bytes()), change.expire_at(), change.type()};
        break;
      case cluster::Change::Kind::kDelete: keys_.erase(key); break;
      case cluster::Change::Kind::kExpire:
        EXPECT_NE(Find(ref), nullptr) << "expiry of an absent key: " << ref.key;
        keys_[key].expire_at = change.expire_at();
        break;
      case cluster::Change::Kind::kAdd: {
        Stored& stored = keys_[key];
        const int64_t old = stored.bytes.empty() ? 0 : std::stoll(stored.bytes);
        stored.bytes = std::to_string(old + change.delta());
        break;
      }
    }
  }

  std::map<StoreKey, Stored> keys_;
  std::deque<Stored> shown_;       // to the last run
  std::vector<std::string> args_;  // the last run's; its request borrows from them
  std::vector<std::string_view> views_;
  OperationRequest request_;
  std::vector<cluster::Change> changes_;
};

}  // namespace cartwheel::server
