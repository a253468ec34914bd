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
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cartwheel::storage {

// Named, independent key ranges of one store; a batch spans all of them.
enum class Keyspace : uint8_t {
  kData,    // records by store key
  kExpiry,  // (expiry time, store key) of every record that expires
  kMeta,    // counts, identity
  kHints,   // copies that other nodes are owed, by node and store key
};
inline constexpr size_t kKeyspaceCount = 4;

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
  // Before a Seek: nobody asks for keys from `end` on (empty: for any). The cursor may end there,
  // and does not look for the next key among what has been deleted behind it, which may be a lot.
  virtual void StopAt(std::string_view /*end*/) {}
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
  // Of these, what Settings::storage_bytes bounds: not what further changes can fill.
  uint64_t bytes_in_use = 0;
};

// When a commit is forced to the disk: Redis's appendfsync. A crash of the process loses nothing
// under any of them.
enum class Durability : uint8_t {
  kAlways,       // before Commit returns
  kEverySecond,  // by a helper thread, so that a power loss takes a second or two at most
  kNo,           // when the system sees fit
};

// What may change while an engine runs; an engine without files ignores it.
struct Settings {
  Durability durability = Durability::kEverySecond;
  // Bound of the memory for records, changes that wait for their flush included; 0: none.
  uint64_t memory_bytes = 1ULL << 30;
  // A flush begins when the log has grown by this much since the last one, ...
  uint64_t checkpoint_log_bytes = 256ULL << 20;
  // ... or this long after the first change since, if that comes first; 0: never.
  int64_t checkpoint_interval_ms = 900'000;
  // Bound of the disk space, see IsFull; 0: none.
  uint64_t storage_bytes = 0;
};

// How the engine keeps what it is given, for INFO and for the operator's log.
struct Persistence {
  uint64_t log_bytes = 0;
  uint64_t unsynced_bytes = 0;  // of the log: what a power loss now might take
  uint64_t dirty_bytes = 0;     // in memory and the log alone: not yet flushed
  uint64_t dirty_keys = 0;
  uint64_t changes_since_flush = 0;  // puts and deletions, of one key as often as they happened

  uint64_t flushes = 0;         // that succeeded
  uint64_t failed_flushes = 0;  // since one succeeded
  bool flush_running = false;
  bool sync_running = false;
  int64_t last_flush_unix_ms = 0;  // when it ended; of the start at first
  uint64_t last_flush_entries = 0;
  int64_t last_flush_us = 0;
  std::string last_flush_error;  // empty: it succeeded

  uint64_t syncs = 0;
  uint64_t sync_errors = 0;
  uint64_t delayed_writes = 0;  // times WritesMustWait became true

  int64_t replay_us = 0;  // at the start
  uint64_t replayed_batches = 0;
  uint64_t replayed_bytes = 0;
  uint64_t torn_bytes = 0;     // never durable, cut off the log's end
  uint64_t damaged_bytes = 0;  // durable once, unreadable now
  std::vector<std::string> damage;
};

class Engine : public Reader {
 public:
  // Any bytes are a key, empty excluded; keys of any length up to 512 MiB. Values up to 512 MiB + 1
  // KiB.
  virtual void Put(Keyspace keyspace, std::string_view key, std::string_view value) = 0;
  virtual void Delete(Keyspace keyspace, std::string_view key) = 0;
  // Deletes begin <= key < end; an empty `end` means to the end of the keyspace.
  virtual void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) = 0;

  // A hint that these keys will be read or written next, several at once because waiting for memory
  // is what they can share. Changes nothing.
  virtual void Prefetch(Keyspace /*keyspace*/, std::span<const std::string_view> /*keys*/) {}

  // Makes the batch durable. On an error the batch is gone and the store stands at the last
  // successful commit. An empty batch costs nothing, and still reports a failed read of this turn.
  virtual Result<void> Commit() = 0;
  // The next Commit waits for the disk as under kAlways, for all that was committed before too.
  virtual void SyncNextCommit() {}
  // Waits until everything committed would survive a power loss, whatever the durability.
  virtual Result<void> Sync() { return {}; }

  // The last committed state, unmoved by later commits. Must not outlive the engine.
  virtual std::unique_ptr<Reader> NewSnapshot() = 0;

  // The time, several times a second: starts what is due in helper threads (syncs, flushes) and
  // takes in what they finished. Between two turns; ends the validity of values and cursors.
  virtual void Tick(int64_t /*unix_ms*/, int64_t /*monotonic_ms*/) {}

  // Whether more is waiting for its flush than memory should hold: whoever writes should wait until
  // it is false again. Nothing is refused for it. Changes with Commit and Tick only.
  virtual bool WritesMustWait() const { return false; }
  // Whether the store takes Settings::storage_bytes, so that only deletions should go on.
  virtual bool IsFull() const { return false; }

  // Begins to flush everything committed, as soon as the flush that runs now, if any, has ended.
  virtual void StartFlush() {}
  // Waits until everything committed is flushed. Ends the validity of values and cursors.
  virtual Result<void> Flush() { return {}; }

  virtual void Configure(const Settings& /*settings*/) {}

  virtual Usage usage() const = 0;
  virtual Persistence persistence() const { return {}; }
  // "memory" or "durable", for INFO and the start-up line.
  virtual std::string_view name() const = 0;
};

}  // namespace cartwheel::storage
