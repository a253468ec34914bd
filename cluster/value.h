// What a key holds, as operations see it, and what an operation wants done to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cartwheel::cluster {

// Redis's numbered databases are part of a key's identity.
using Database = uint8_t;
inline constexpr Database kMaxDatabases = 16;

struct KeyRef {
  Database database = 0;
  std::string_view key;

  bool operator==(const KeyRef&) const = default;
};

// Stored in four bits; the merging types join here, each with its own encoding of `bytes`.
enum class Type : uint8_t {
  kString = 0,
};

// Absolute time in Unix milliseconds; 0 means "never expires". 48 bits are stored.
using ExpireAt = int64_t;
inline constexpr ExpireAt kNoExpiry = 0;
inline constexpr ExpireAt kMaxExpireAt = (int64_t{1} << 48) - 1;

// A value is still shown in the millisecond it expires at, as Redis does.
inline bool IsExpired(ExpireAt expire_at, int64_t now_ms) {
  return expire_at != kNoExpiry && now_ms > expire_at;
}

// A live value: expired ones are never shown. `bytes` is valid as long as the read that returned it
// says.
struct Value {
  Type type = Type::kString;
  std::string_view bytes;
  ExpireAt expire_at = kNoExpiry;
  int64_t written_at_ms = 0;  // of the last write that changed the value

  bool operator==(const Value&) const = default;
};

// The effect of one operation on one key. Borrows the operation's bytes or owns bytes it computed.
class Change {
 public:
  enum class Kind : uint8_t {
    kNone,    // the key stays as it is
    kPut,     // it becomes `type`, `bytes`, `expire_at`
    kDelete,  // it goes
    kExpire,  // the value stays, its expiry becomes `expire_at`
    kAdd,     // the integer that it is, or 0, becomes larger by `delta`; its expiry stays
  };

  Change() = default;
  static Change Put(std::string_view borrowed, ExpireAt expire_at, Type type = Type::kString);
  static Change PutOwned(std::string bytes, ExpireAt expire_at, Type type = Type::kString);
  static Change Delete();
  static Change Expire(ExpireAt expire_at);
  static Change Add(int64_t delta);

  Kind kind() const { return kind_; }
  Type type() const { return type_; }
  ExpireAt expire_at() const { return expire_at_; }
  int64_t delta() const { return delta_; }
  std::string_view bytes() const { return owns_ ? std::string_view(owned_) : borrowed_; }

 private:
  Kind kind_ = Kind::kNone;
  Type type_ = Type::kString;
  bool owns_ = false;
  ExpireAt expire_at_ = kNoExpiry;
  int64_t delta_ = 0;
  std::string_view borrowed_;
  std::string owned_;
};

}  // namespace cartwheel::cluster
