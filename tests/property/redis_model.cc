#include "tests/property/redis_model.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace cartwheel::server {
namespace {

using Arguments = RedisModel::Arguments;

const std::string kOk = "+OK\r\n";
const std::string kNil = "$-1\r\n";
const std::string kNotInteger = "-ERR value is not an integer or out of range\r\n";
const std::string kSyntax = "-ERR syntax error\r\n";
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
constexpr int64_t kMin = std::numeric_limits<int64_t>::min();

std::string Int(int64_t value) {
  return ":" + std::to_string(value) + "\r\n";
}

std::string Bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

std::string Header(size_t length) {
  return "*" + std::to_string(length) + "\r\n";
}

// Digits, a minus before them, no leading zeros, within 64 bits.
std::optional<int64_t> Number(const std::string& text) {
  if (text == "0") return 0;
  const bool negative = text.starts_with('-');
  const std::string digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 19 || digits[0] == '0') return std::nullopt;
  int64_t value = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    // Towards the sign, as there is one more number below zero than above.
    const int64_t digit = negative ? '0' - c : c - '0';
    if (__builtin_mul_overflow(value, 10, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, digit, &value)) return std::nullopt;
  }
  return value;
}

bool Bit(const std::string& bytes, size_t offset) {
  if (offset / 8 >= bytes.size()) return false;
  return (static_cast<unsigned char>(bytes[offset / 8]) >> (7 - offset % 8) & 1) != 0;
}

// Both ends count, from behind when negative; empty when they are the wrong way round.
std::string Slice(const std::string& bytes, int64_t first, int64_t last) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (first < 0 && last < 0 && first > last) return "";
  if (first < 0) first = std::max<int64_t>(first + size, 0);
  if (last < 0) last = std::max<int64_t>(last + size, 0);
  last = std::min(last, size - 1);
  if (first > last) return "";
  return bytes.substr(static_cast<size_t>(first), static_cast<size_t>(last - first + 1));
}

RedisModel::Client AfterTransaction(const RedisModel::Client& client) {
  RedisModel::Client fresh;
  fresh.database = client.database;
  return fresh;
}

}  // namespace

const RedisModel::Row* RedisModel::Find(const std::string& name) {
  using M = RedisModel;
  static const std::map<std::string, Row> kRows = {
      {"append", {3, 3, &M::Append}},     {"bitcount", {2, 4, &M::BitCount}},
      {"bitop", {4, 99, &M::BitOp}},      {"copy", {3, 4, &M::Copy}},
      {"decr", {2, 2, &M::Decr}},         {"decrby", {3, 3, &M::DecrBy}},
      {"del", {2, 99, &M::Del}},          {"exists", {2, 99, &M::Exists}},
      {"expire", {3, 4, &M::Expire}},     {"flushdb", {1, 1, &M::FlushDb}},
      {"get", {2, 2, &M::Get}},           {"getbit", {3, 3, &M::GetBit}},
      {"getdel", {2, 2, &M::GetDel}},     {"getex", {2, 4, &M::GetEx}},
      {"getrange", {4, 4, &M::GetRange}}, {"getset", {3, 3, &M::GetSet}},
      {"incr", {2, 2, &M::Incr}},         {"incrby", {3, 3, &M::IncrBy}},
      {"mget", {2, 99, &M::MGet}},        {"move", {3, 3, &M::Move}},
      {"mset", {3, 99, &M::MSet}},        {"msetnx", {3, 99, &M::MSetNx}},
      {"persist", {2, 2, &M::Persist}},   {"pexpire", {3, 4, &M::PExpire}},
      {"pttl", {2, 2, &M::PTtl}},         {"rename", {3, 3, &M::Rename}},
      {"renamenx", {3, 3, &M::RenameNx}}, {"select", {2, 2, &M::Select}},
      {"set", {3, 99, &M::Set}},          {"setbit", {4, 4, &M::SetBit}},
      {"setnx", {3, 3, &M::SetNx}},       {"setrange", {4, 4, &M::SetRange}},
      {"strlen", {2, 2, &M::StrLen}},     {"ttl", {2, 2, &M::Ttl}},
      {"type", {2, 2, &M::Type}},
  };
  const auto found = kRows.find(name);
  return found == kRows.end() ? nullptr : &found->second;
}

std::string RedisModel::Execute(Client& client, const Arguments& args, int64_t now_ms) {
  client_ = &client;
  RemoveExpired(now_ms);
  const Row* row = Find(args[0]);
  if (row == nullptr) return Control(client, args);
  if (args.size() < row->least || args.size() > row->most) {
    client.failed = client.in_transaction;
    return "-ERR wrong number of arguments for '" + args[0] + "' command\r\n";
  }
  if (!client.in_transaction) return Run(args);
  client.queue.push_back(args);
  return "+QUEUED\r\n";
}

std::string RedisModel::Control(Client& client, const Arguments& args) {
  const std::string& name = args[0];
  if (name == "exec") return Exec(client);
  if (name == "multi") {
    if (client.in_transaction) return "-ERR MULTI calls can not be nested\r\n";
    client.in_transaction = true;
    return kOk;
  }
  if (name == "discard") {
    if (!client.in_transaction) return "-ERR DISCARD without MULTI\r\n";
    client = AfterTransaction(client);
    return kOk;
  }
  if (name == "watch") {
    if (client.in_transaction) return "-ERR WATCH inside MULTI is not allowed\r\n";
    for (size_t i = 1; i < args.size(); ++i) {
      client.watched.emplace(At(args[i]), versions_[At(args[i])]);
    }
    return kOk;
  }
  return "the model does not know " + name;
}

std::string RedisModel::Exec(Client& client) {
  if (!client.in_transaction) return "-ERR EXEC without MULTI\r\n";
  const Client transaction = std::exchange(client, AfterTransaction(client));
  if (transaction.failed) {
    return "-EXECABORT Transaction discarded because of previous errors.\r\n";
  }
  for (const auto& [key, version] : transaction.watched) {
    if (versions_[key] != version) return "*-1\r\n";
  }
  std::string replies = Header(transaction.queue.size());
  for (const Arguments& args : transaction.queue) replies += Run(args);
  return replies;
}

const std::map<RedisModel::Key, RedisModel::Entry>& RedisModel::entries(int64_t now_ms) {
  RemoveExpired(now_ms);
  return entries_;
}

// A key lives through its last millisecond.
void RedisModel::RemoveExpired(int64_t now_ms) {
  now_ms_ = now_ms;
  std::erase_if(entries_, [&](const auto& item) {
    const bool expired = item.second.expires_ms && *item.second.expires_ms < now_ms;
    if (expired) Changed(item.first);
    return expired;
  });
}

RedisModel::Entry* RedisModel::Lookup(const std::string& name) {
  const auto found = entries_.find(At(name));
  return found == entries_.end() ? nullptr : &found->second;
}

void RedisModel::Put(const std::string& name, Entry entry) {
  entries_[At(name)] = std::move(entry);
  Changed(At(name));
}

bool RedisModel::Remove(const std::string& name) {
  if (entries_.erase(At(name)) == 0) return false;
  Changed(At(name));
  return true;
}

// --- Strings

std::string RedisModel::Get(const Arguments& args) {
  const Entry* entry = Lookup(args[1]);
  return entry == nullptr ? kNil : Bulk(entry->bytes);
}

std::string RedisModel::Set(const Arguments& args) {
  bool if_absent = false;
  bool if_present = false;
  bool keep = false;
  bool get = false;
  std::string unit;
  std::string amount;
  for (size_t i = 3; i < args.size(); ++i) {
    if (args[i] == "nx") if_absent = true;
    if (args[i] == "xx") if_present = true;
    if (args[i] == "keepttl") keep = true;
    if (args[i] == "get") get = true;
    if (args[i] != "px" && args[i] != "ex") continue;
    if (i + 1 == args.size()) return kSyntax;
    unit = args[i];
    amount = args[++i];
  }
  if ((if_absent && if_present) || (keep && !unit.empty())) return kSyntax;
  std::optional<int64_t> expires_ms;
  if (!unit.empty()) {
    const auto length = Number(amount);
    if (!length) return kNotInteger;
    if (*length <= 0) return "-ERR invalid expire time in 'set' command\r\n";
    expires_ms = now_ms_ + *length * (unit == "ex" ? 1000 : 1);
  }
  const Entry* old = Lookup(args[1]);
  const std::string old_reply = old == nullptr ? kNil : Bulk(old->bytes);
  if ((if_absent && old != nullptr) || (if_present && old == nullptr)) {
    return get ? old_reply : kNil;
  }
  if (keep && old != nullptr) expires_ms = old->expires_ms;
  Put(args[1], {args[2], expires_ms});
  return get ? old_reply : kOk;
}

std::string RedisModel::SetNx(const Arguments& args) {
  if (Lookup(args[1]) != nullptr) return Int(0);
  Put(args[1], {args[2], {}});
  return Int(1);
}

std::string RedisModel::GetSet(const Arguments& args) {
  const std::string old = Get(args);
  Put(args[1], {args[2], {}});
  return old;
}

std::string RedisModel::GetDel(const Arguments& args) {
  const std::string old = Get(args);
  Remove(args[1]);
  return old;
}

std::string RedisModel::GetEx(const Arguments& args) {
  Entry* entry = Lookup(args[1]);
  if (args.size() == 4 && args[2] == "px") {
    if (entry == nullptr) return kNil;
    const auto amount = Number(args[3]);
    if (!amount) return kNotInteger;
    if (*amount <= 0) return "-ERR invalid expire time in 'getex' command\r\n";
    entry->expires_ms = now_ms_ + *amount;
    Changed(At(args[1]));
  } else if (args.size() == 3 && args[2] == "persist") {
    if (entry != nullptr && entry->expires_ms) Changed(At(args[1]));
    if (entry != nullptr) entry->expires_ms.reset();
  } else if (args.size() != 2) {
    return kSyntax;
  }
  return Get(args);
}

std::string RedisModel::Append(const Arguments& args) {
  const Entry* old = Lookup(args[1]);
  Entry entry = old == nullptr ? Entry{} : *old;
  entry.bytes += args[2];
#ifdef CARTWHEEL_CANARY
  entry.expires_ms.reset();  // the mistake that the test must find
#endif
  Put(args[1], entry);
  return Int(static_cast<int64_t>(entry.bytes.size()));
}

std::string RedisModel::StrLen(const Arguments& args) {
  const Entry* entry = Lookup(args[1]);
  return Int(entry == nullptr ? 0 : static_cast<int64_t>(entry->bytes.size()));
}

std::string RedisModel::GetRange(const Arguments& args) {
  const auto first = Number(args[2]);
  const auto last = Number(args[3]);
  if (!first || !last) return kNotInteger;
  const Entry* entry = Lookup(args[1]);
  return Bulk(entry == nullptr ? "" : Slice(entry->bytes, *first, *last));
}

std::string RedisModel::SetRange(const Arguments& args) {
  const auto offset = Number(args[2]);
  if (!offset) return kNotInteger;
  if (*offset < 0) return "-ERR offset is out of range\r\n";
  if (args[3].empty()) return StrLen(args);
  const Entry* old = Lookup(args[1]);
  Entry entry = old == nullptr ? Entry{} : *old;
  const auto at = static_cast<size_t>(*offset);
  entry.bytes.resize(std::max(entry.bytes.size(), at + args[3].size()));
  entry.bytes.replace(at, args[3].size(), args[3]);
  Put(args[1], entry);
  return Int(static_cast<int64_t>(entry.bytes.size()));
}

std::string RedisModel::Increment(const std::string& name, int64_t by) {
  const Entry* old = Lookup(name);
  const auto value = old == nullptr ? 0 : Number(old->bytes);
  if (!value) return kNotInteger;
  int64_t result = 0;
  if (__builtin_add_overflow(*value, by, &result)) {
    return "-ERR increment or decrement would overflow\r\n";
  }
  Put(name, {std::to_string(result), old == nullptr ? std::nullopt : old->expires_ms});
  return Int(result);
}

std::string RedisModel::Incr(const Arguments& args) {
  return Increment(args[1], 1);
}

std::string RedisModel::Decr(const Arguments& args) {
  return Increment(args[1], -1);
}

std::string RedisModel::IncrBy(const Arguments& args) {
  const auto by = Number(args[2]);
  return by ? Increment(args[1], *by) : kNotInteger;
}

std::string RedisModel::DecrBy(const Arguments& args) {
  const auto by = Number(args[2]);
  if (!by) return kNotInteger;
  if (*by == kMin) return "-ERR decrement would overflow\r\n";
  return Increment(args[1], -*by);
}

std::string RedisModel::MGet(const Arguments& args) {
  std::string reply = Header(args.size() - 1);
  for (size_t i = 1; i < args.size(); ++i) reply += Get({"get", args[i]});
  return reply;
}

std::string RedisModel::MSet(const Arguments& args) {
  if (args.size() % 2 == 0) return "-ERR wrong number of arguments for 'mset' command\r\n";
  for (size_t i = 1; i < args.size(); i += 2) Put(args[i], {args[i + 1], {}});
  return kOk;
}

std::string RedisModel::MSetNx(const Arguments& args) {
  if (args.size() % 2 == 0) return "-ERR wrong number of arguments for 'msetnx' command\r\n";
  for (size_t i = 1; i < args.size(); i += 2) {
    if (Lookup(args[i]) != nullptr) return Int(0);
  }
  MSet(args);
  return Int(1);
}

// --- Keys

std::string RedisModel::Del(const Arguments& args) {
  int64_t removed = 0;
  for (size_t i = 1; i < args.size(); ++i) removed += Remove(args[i]) ? 1 : 0;
  return Int(removed);
}

std::string RedisModel::Exists(const Arguments& args) {
  return Int(std::count_if(args.begin() + 1, args.end(),
                           [&](const std::string& name) { return Lookup(name) != nullptr; }));
}

std::string RedisModel::Type(const Arguments& args) {
  return Lookup(args[1]) == nullptr ? "+none\r\n" : "+string\r\n";
}

std::string RedisModel::PTtl(const Arguments& args) {
  const Entry* entry = Lookup(args[1]);
  if (entry == nullptr) return Int(-2);
  return Int(entry->expires_ms ? *entry->expires_ms - now_ms_ : -1);
}

std::string RedisModel::Ttl(const Arguments& args) {
  const Entry* entry = Lookup(args[1]);
  if (entry == nullptr || !entry->expires_ms) return PTtl(args);
  return Int((*entry->expires_ms - now_ms_ + 500) / 1000);
}

std::string RedisModel::Persist(const Arguments& args) {
  Entry* entry = Lookup(args[1]);
  if (entry == nullptr || !entry->expires_ms) return Int(0);
  entry->expires_ms.reset();
  Changed(At(args[1]));
  return Int(1);
}

std::string RedisModel::ExpireAt(const Arguments& args, int64_t when_ms) {
  const std::string option = args.size() == 4 ? args[3] : "";
  if (!option.empty() && option != "nx" && option != "xx" && option != "gt" && option != "lt") {
    return "-ERR Unsupported option " + option + "\r\n";
  }
  Entry* entry = Lookup(args[1]);
  if (entry == nullptr) return Int(0);
  const int64_t current = entry->expires_ms.value_or(kMax);  // never is the latest time
  if ((option == "nx" && entry->expires_ms) || (option == "xx" && !entry->expires_ms) ||
      (option == "gt" && when_ms <= current) || (option == "lt" && when_ms >= current)) {
    return Int(0);
  }
  if (when_ms <= now_ms_) {
    Remove(args[1]);
  } else {
    entry->expires_ms = when_ms;
    Changed(At(args[1]));
  }
  return Int(1);
}

std::string RedisModel::Expire(const Arguments& args) {
  const auto seconds = Number(args[2]);
  return seconds ? ExpireAt(args, now_ms_ + *seconds * 1000) : kNotInteger;
}

std::string RedisModel::PExpire(const Arguments& args) {
  const auto milliseconds = Number(args[2]);
  if (!milliseconds) return kNotInteger;
  int64_t when_ms = 0;
  if (__builtin_add_overflow(now_ms_, *milliseconds, &when_ms)) {
    return "-ERR invalid expire time in 'pexpire' command\r\n";
  }
  return ExpireAt(args, when_ms);
}

std::string RedisModel::Rename(const Arguments& args) {
  const Entry* entry = Lookup(args[1]);
  if (entry == nullptr) return "-ERR no such key\r\n";
  if (args[1] == args[2]) return kOk;
  const Entry moved = *entry;
  Remove(args[1]);
  Put(args[2], moved);
  return kOk;
}

std::string RedisModel::RenameNx(const Arguments& args) {
  if (Lookup(args[1]) == nullptr) return "-ERR no such key\r\n";
  if (Lookup(args[2]) != nullptr) return Int(0);
  Rename(args);
  return Int(1);
}

std::string RedisModel::Copy(const Arguments& args) {
  const bool replace = args.size() == 4 && args[3] == "replace";
  if (args.size() == 4 && !replace) return kSyntax;
  if (args[1] == args[2]) return "-ERR source and destination objects are the same\r\n";
  const Entry* entry = Lookup(args[1]);
  if (entry == nullptr || (!replace && Lookup(args[2]) != nullptr)) return Int(0);
  Put(args[2], Entry(*entry));
  return Int(1);
}

std::string RedisModel::Move(const Arguments& args) {
  const auto to = Number(args[2]);
  if (!to) return kNotInteger;
  if (*to < 0 || *to >= kDatabases) return "-ERR DB index is out of range\r\n";
  if (*to == client_->database) return "-ERR source and destination objects are the same\r\n";
  const Key target{static_cast<int>(*to), args[1]};
  const Entry* entry = Lookup(args[1]);
  if (entry == nullptr || entries_.contains(target)) return Int(0);
  entries_[target] = *entry;
  Changed(target);
  Remove(args[1]);
  return Int(1);
}

std::string RedisModel::FlushDb(const Arguments& /*args*/) {
  std::erase_if(entries_, [&](const auto& item) {
    const bool here = item.first.first == client_->database;
    if (here) Changed(item.first);
    return here;
  });
  return kOk;
}

std::string RedisModel::Select(const Arguments& args) {
  const auto index = Number(args[1]);
  if (!index) return kNotInteger;
  if (*index < 0 || *index >= kDatabases) return "-ERR DB index is out of range\r\n";
  client_->database = static_cast<int>(*index);
  return kOk;
}

// --- Bits

std::string RedisModel::GetBit(const Arguments& args) {
  const auto offset = Number(args[2]);
  if (!offset || *offset < 0) return "-ERR bit offset is not an integer or out of range\r\n";
  const Entry* entry = Lookup(args[1]);
  return Int(entry != nullptr && Bit(entry->bytes, static_cast<size_t>(*offset)) ? 1 : 0);
}

// Watchers see a change only if there is one: a bit flips or the string grows.
std::string RedisModel::SetBit(const Arguments& args) {
  const auto offset = Number(args[2]);
  if (!offset || *offset < 0) return "-ERR bit offset is not an integer or out of range\r\n";
  if (args[3] != "0" && args[3] != "1") return "-ERR bit is not an integer or out of range\r\n";
  const Entry* old = Lookup(args[1]);
  Entry entry = old == nullptr ? Entry{} : *old;
  const auto at = static_cast<size_t>(*offset);
  const bool before = Bit(entry.bytes, at);
  entry.bytes.resize(std::max(entry.bytes.size(), at / 8 + 1));
  if (before != (args[3] == "1")) {
    entry.bytes[at / 8] = static_cast<char>(entry.bytes[at / 8] ^ (0x80 >> at % 8));
  }
  if (old == nullptr || old->bytes != entry.bytes) Put(args[1], entry);
  return Int(before ? 1 : 0);
}

std::string RedisModel::BitCount(const Arguments& args) {
  if (args.size() == 3) return kSyntax;
  const Entry* entry = Lookup(args[1]);
  std::string bytes = entry == nullptr ? "" : entry->bytes;
  if (args.size() == 4) {
    const auto first = Number(args[2]);
    const auto last = Number(args[3]);
    if (!first || !last) return entry == nullptr ? Int(0) : kNotInteger;
    bytes = Slice(bytes, *first, *last);
  }
  int64_t count = 0;
  for (char c : bytes) count += std::popcount(static_cast<unsigned char>(c));
  return Int(count);
}

std::string RedisModel::BitOp(const Arguments& args) {
  if (args[1] == "not" && args.size() != 4) {
    return "-ERR BITOP NOT must be called with a single source key.\r\n";
  }
  size_t longest = 0;
  std::vector<std::string> sources;
  for (size_t i = 3; i < args.size(); ++i) {
    const Entry* entry = Lookup(args[i]);
    sources.push_back(entry == nullptr ? "" : entry->bytes);
    longest = std::max(longest, sources.back().size());
  }
  for (std::string& source : sources) source.resize(longest);
  std::string result = sources[0];
  for (size_t byte = 0; byte < longest; ++byte) {
    if (args[1] == "not") result[byte] = static_cast<char>(~result[byte]);
    for (size_t i = 1; i < sources.size(); ++i) {
      const char other = sources[i][byte];
      if (args[1] == "and") result[byte] = static_cast<char>(result[byte] & other);
      if (args[1] == "or") result[byte] = static_cast<char>(result[byte] | other);
      if (args[1] == "xor") result[byte] = static_cast<char>(result[byte] ^ other);
    }
  }
  if (result.empty()) {
    Remove(args[2]);
  } else {
    Put(args[2], {result, {}});
  }
  return Int(static_cast<int64_t>(longest));
}

}  // namespace cartwheel::server
