// Redis's meaning of strings, keys, expiry, bits and transactions, written down plainly from its
// documentation and behaviour, without a look at the operations it is held against.
//
// Slow on purpose: every command first removes what has expired. Replies are RESP2 bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cartwheel::server {

class RedisModel {
 public:
  static constexpr int kDatabases = 16;
  using Arguments = std::vector<std::string>;
  using Key = std::pair<int, std::string>;  // database, name

  struct Client {
    int database = 0;
    bool in_transaction = false;
    bool failed = false;  // a command could not be queued
    std::vector<Arguments> queue;
    std::map<Key, uint64_t> watched;  // the key's version when it was watched
  };

  std::string Execute(Client& client, const Arguments& args, int64_t now_ms);

  struct Entry {
    std::string bytes;
    std::optional<int64_t> expires_ms;
  };
  // What is there at that time.
  const std::map<Key, Entry>& entries(int64_t now_ms);

 private:
  using Handler = std::string (RedisModel::*)(const Arguments& args);
  struct Row {
    size_t least;  // arguments, the name included
    size_t most;
    Handler handler;
  };
  static const Row* Find(const std::string& name);

  std::string Control(Client& client, const Arguments& args);
  std::string Exec(Client& client);
  std::string Run(const Arguments& args) { return (this->*Find(args[0])->handler)(args); }

  void RemoveExpired(int64_t now_ms);
  Entry* Lookup(const std::string& name);
  // A change that watchers see.
  void Put(const std::string& name, Entry entry);
  bool Remove(const std::string& name);
  void Changed(const Key& key) { ++versions_[key]; }
  Key At(const std::string& name) const { return {client_->database, name}; }
  std::string Increment(const std::string& name, int64_t by);
  std::string ExpireAt(const Arguments& args, int64_t when_ms);

  std::string Append(const Arguments& args);
  std::string BitCount(const Arguments& args);
  std::string BitOp(const Arguments& args);
  std::string Copy(const Arguments& args);
  std::string Decr(const Arguments& args);
  std::string DecrBy(const Arguments& args);
  std::string Del(const Arguments& args);
  std::string Exists(const Arguments& args);
  std::string Expire(const Arguments& args);
  std::string FlushDb(const Arguments& args);
  std::string Get(const Arguments& args);
  std::string GetBit(const Arguments& args);
  std::string GetDel(const Arguments& args);
  std::string GetEx(const Arguments& args);
  std::string GetRange(const Arguments& args);
  std::string GetSet(const Arguments& args);
  std::string Incr(const Arguments& args);
  std::string IncrBy(const Arguments& args);
  std::string MGet(const Arguments& args);
  std::string Move(const Arguments& args);
  std::string MSet(const Arguments& args);
  std::string MSetNx(const Arguments& args);
  std::string Persist(const Arguments& args);
  std::string PExpire(const Arguments& args);
  std::string PTtl(const Arguments& args);
  std::string Rename(const Arguments& args);
  std::string RenameNx(const Arguments& args);
  std::string Select(const Arguments& args);
  std::string Set(const Arguments& args);
  std::string SetBit(const Arguments& args);
  std::string SetNx(const Arguments& args);
  std::string SetRange(const Arguments& args);
  std::string StrLen(const Arguments& args);
  std::string Ttl(const Arguments& args);
  std::string Type(const Arguments& args);

  std::map<Key, Entry> entries_;
  std::map<Key, uint64_t> versions_;
  Client* client_ = nullptr;  // of the command at hand
  int64_t now_ms_ = 0;
};

}  // namespace cartwheel::server
