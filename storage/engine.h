// An ordered, transactional byte store on one node. It knows nothing of nodes, versions or
// commands.
//
// Writes gather in one batch; Commit() makes the whole batch durable or drops it whole. Reads
// through the engine see the uncommitted batch; snapshots see the last commit. One thread uses an
// engine.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace cartwheel::storage {

// Named, independent key ranges of one store; a batch spans all of them.
enum class Keyspace : uint8_t {
  kData,    // records by store key
  kExpiry,  // (expiry time, store key) of every record that expires
  kMeta,    // counts, identity
};
inline constexpr size_t kKeyspaceCount = 3;

struct Error {
  enum class Kind : uint8_t {
    kLocked,       // another process has the directory
    kPermission,   // not readable or writable for us
    kNewerFormat,  // written by a later version
    kCorrupt,      // the files are damaged
    kNoSpace,      // the disk is full: the batch is dropped, a later one may succeed
    kIo,           // the disk failed: every later Commit of changes fails too, reads go on
    kInvalid,      // the caller's path or options make no sense
  };
  Kind kind;
  std::string message;   // names the file and, where the operator can act, what to do
  bool of_read = false;  // from Commit: a read of this turn failed, so nothing it returned is sure
};

template <typename T>
using Result = std::expected<T, Error>;

// Keys in ascending byte order; only keys longer than 400 bytes that share their first 400 bytes
// stand in another order among themselves, the same in every engine (key_order.h); Seek and
// DeleteRange follow it. Key and value are views, valid until the cursor moves.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual void Seek(std::string_view key) = 0;  // to the first key >= `key`
  virtual void Next() = 0;                      // only while Valid()
  virtual bool Valid() const = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
};

class Reader {
 public:
  virtual ~Reader() = default;

  // The value, valid until the next write or Commit of the engine (a snapshot's: while the snapshot
  // lives). A read that the disk fails returns nothing and makes the turn's Commit() fail, so that
  // no reply built on it is ever sent.
  virtual std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) = 0;

  // Positioned nowhere until the first Seek. A write to the engine or a Commit, even of nothing,
  // invalidates its cursors (not a snapshot's, which its snapshot must outlive).
  virtual std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) = 0;
};

// Space the store takes, for INFO.
struct Usage {
  uint64_t bytes_in_memory = 0;
  uint64_t bytes_on_disk = 0;
};

class Engine : public Reader {
 public:
  // Any bytes are a key, empty excluded; keys of any length up to 512 MiB. Values up to 512 MiB + 1
  // KiB.
  virtual void Put(Keyspace keyspace, std::string_view key, std::string_view value) = 0;
  virtual void Delete(Keyspace keyspace, std::string_view key) = 0;
  // Deletes begin <= key < end; an empty `end` means to the end of the keyspace.
  virtual void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) = 0;

  // Makes the batch durable. On an error the batch is gone and the store stands at the last
  // successful commit. An empty batch costs nothing, and still reports a failed read of this turn.
  virtual Result<void> Commit() = 0;

  // The last committed state, unmoved by later commits. Must not outlive the engine.
  virtual std::unique_ptr<Reader> NewSnapshot() = 0;

  virtual Usage usage() const = 0;
  // "memory" or "lmdb", for INFO and the start-up line.
  virtual std::string_view name() const = 0;
};

}  // namespace cartwheel::storage
