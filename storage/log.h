// The write-ahead log of one store: batches appended to segments, read back in order at the start.
//
// One thread owns the log; another one may run a LogSync it was given. Position arithmetic, record
// format and the reasons: log_format.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "storage/disk.h"
#include "storage/log_batch.h"
#include "storage/log_format.h"

namespace cartwheel::storage {

// What a start found.
struct LogRecovery {
  uint64_t batches = 0;  // handed out
  uint64_t bytes = 0;    // read
  // The log ended in bytes that a crash left behind: they were never durable, and are cut off.
  uint64_t torn_bytes = 0;
  // Durable bytes that are damaged: batches were lost, those behind them were handed out.
  uint64_t damaged_bytes = 0;
  std::vector<std::string> damage;  // a line for each place: file, offset, bytes; at most 16
};

// Calls the disk to make part of the log durable; run by any thread, while the log is appended to.
class LogSync {
 public:
  Result<void> Run();
  LogPosition end() const { return end_; }  // durable up to here if Run succeeds

 private:
  friend class Log;
  std::vector<File*> files_;
  Disk* directory_ = nullptr;  // synced first, when a segment is new
  LogPosition end_ = 0;
};

class Log {
 public:
  using BatchVisitor = std::function<Result<void>(LogPosition end, std::string_view payload)>;

  // Opens the log of a store whose base covers everything before `covered`, hands every later whole
  // batch to `visit` (its end and its encoded operations; an error of it ends the opening), cuts
  // off a torn tail and is ready to append. Segments before `covered` are left to Remove.
  // kNewerFormat, kIo, and kCorrupt when the log begins behind `covered`: then whole segments are
  // missing. `disk` outlives the log.
  static Result<std::unique_ptr<Log>> Open(Disk& disk, LogPosition covered,
                                           const BatchVisitor& visit, LogRecovery& recovery);

  // The same reading without a change to any file.
  static Result<void> Check(Disk& disk, LogPosition covered, const BatchVisitor& visit,
                            LogRecovery& recovery);

  // Appends the batch as a whole with one system call. On an error the log stands as before and the
  // next append takes the place of what was written; kIo is for the caller to make final.
  Result<void> Append(const LogBatch& batch);

  // Forces everything appended to the disk, in this thread.
  Result<void> Sync();
  // The same for another thread. One at a time: Synced ends it, with whether it succeeded.
  LogSync BeginSync();
  void Synced(const LogSync& sync, bool succeeded);

  // Begins a new segment, so that those before it can be removed once they are covered. Does
  // nothing in a segment without records.
  Result<void> Roll();
  // The names of the segments that end at or before `covered`. Whoever removes them (any thread)
  // has the base durable up to there.
  std::vector<std::string> Covered(LogPosition covered) const;
  // They are removed: forgets them. Not while a LogSync runs.
  void Forget(LogPosition covered);

  LogPosition end() const { return end_; }          // of the last batch
  LogPosition durable() const { return durable_; }  // what a power loss leaves at least
  uint64_t bytes() const;                           // of all segments

 private:
  struct Segment {
    LogPosition begin = 0;
    std::unique_ptr<File> file;
    bool unsynced = false;
  };

  explicit Log(Disk& disk) : disk_(disk) {}

  Disk& disk_;
  std::vector<Segment> segments_;  // oldest first; the last one is appended to
  bool directory_unsynced_ = false;
  LogPosition end_ = 0;
  LogPosition durable_ = 0;
  std::string headers_;                   // scratch of Append
  std::vector<std::string_view> pieces_;  // scratch of Append
};

}  // namespace cartwheel::storage
