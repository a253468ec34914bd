// The write-ahead log of one store: batches appended to segments. How it is read back:
// log_reader.h; its bytes and the reasons for them: log_format.h.
//
// One thread owns the log; another one may run a LogSync it was given.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/disk.h"
#include "storage/log_batch.h"
#include "storage/log_format.h"
#include "storage/log_reader.h"

namespace cartwheel::storage {

// The calls that make part of the log durable, or that make room behind its end; run by any thread,
// while the log is appended to.
class LogSync {
 public:
  Result<void> Run() const;
  LogPosition end() const { return end_; }  // durable up to here if Run succeeds
  bool makes_room() const { return room_file_ != nullptr; }

 private:
  friend class Log;
  // Opened anew: a system tells of bytes that it lost once for each opening of a file, and it must
  // be the sync of the append that hears of it.
  std::unique_ptr<File> room_file_;
  LogPosition room_segment_ = 0;
  uint64_t room_from_ = 0;
  uint64_t room_to_ = 0;
  std::vector<File*> files_;   // oldest first
  Disk* directory_ = nullptr;  // synced first, when a segment is new
  LogPosition end_ = 0;
};

class Log {
 public:
  // Opens the log of a store whose base has everything before `covered`: hands every later batch to
  // `visit`, cuts off a torn tail, makes what is left durable, and is ready to append. Segments
  // before `covered` are left to Covered and Forget. Errors as ReadLog's. `disk` outlives the log.
  static Result<std::unique_ptr<Log>> Open(Disk& disk, LogPosition covered,
                                           const BatchVisitor& visit, LogRecovery& recovery);

  // Appends the batch as a whole with one system call. On an error the log stands as before, and
  // the next append takes the place of what was written; until then a crash may leave the failed
  // batch in the log if the disk refuses to cut it off as well. kNoSpace: a later append may
  // succeed.
  Result<void> Append(const LogBatch& batch);

  // Forces everything appended to the disk, in this thread. Not while a LogSync runs, unless that
  // one makes room.
  Result<void> Sync();
  // The same for another thread. One LogSync at a time: Synced ends it, with whether it succeeded.
  LogSync BeginSync();
  void Synced(const LogSync& sync, bool succeeded);
  // Forces everything behind `covered`, which the base has, to the disk whether or not a LogSync is
  // at it; no Synced follows. Meanwhile Forget may be called with `covered`, and nothing beyond.
  LogSync SyncForFlush(LogPosition covered) const;

  // Whether a log that is synced after every append should have zeros written behind its end: a
  // sync is cheaper when the file does not grow by it (95 us instead of 155 on the machine where
  // this was measured), as there is only data to write then and no metadata.
  bool WantsRoom() const;
  // On an error there will be none in this segment.
  Result<LogSync> BeginRoom();
  // While room is made, only appends that end before it: others wait for Synced.
  bool FitsBeforeRoom(const LogBatch& batch) const;

  // Room on a disk that is full: zeros behind the end, as many of `bytes` as there is space for,
  // and the end of them. They do nothing while a LogSync makes room.
  void SecureRoom(uint64_t bytes);
  void DropRoom();

  // Begins a new segment, so that those before it can be removed once they are covered. Does
  // nothing in a segment without records. On an error the present one goes on.
  Result<void> Roll();
  // The names of the segments that end at or before `covered`. Whoever removes them (any thread)
  // has the base durable up to there.
  std::vector<std::string> Covered(LogPosition covered) const;
  // The base has everything before `covered` and those are removed: forgets them. Not while a
  // LogSync runs.
  void Forget(LogPosition covered);

  LogPosition end() const { return end_; }          // of the last batch
  LogPosition durable() const { return durable_; }  // what a power loss leaves at least
  uint64_t bytes() const { return end_ - segments_.front().begin; }  // of all segments

 private:
  struct Segment {
    LogPosition begin = 0;
    std::unique_ptr<File> file;
    bool unsynced = false;
  };

  explicit Log(Disk& disk) : disk_(disk) {}

  Result<void> Adopt(LogContents contents);
  Result<bool> ReachesEnd() const;
  Result<void> AddSegment(LogPosition begin);
  Result<void> CutOff(Segment& last);
  static Result<void> WriteHeader(File& file, LogPosition begin);
  void Encode(const LogBatch& batch);
  void EncodeRecord(size_t number, std::span<const std::string_view> payload, RecordHeader header);
  Error ErrorOfAppend(Error error, uint64_t offset) const;

  Disk& disk_;
  std::vector<Segment> segments_;  // oldest first; the last one is appended to
  bool directory_unsynced_ = false;
  LogPosition end_ = 0;
  LogPosition durable_ = 0;
  uint64_t room_ = 0;  // the last segment's offset up to which its blocks are written
  std::optional<uint64_t> room_begun_;  // from here on more is being written
  // Scratch of Append, reused.
  std::vector<std::string_view> pieces_;
  std::string headers_;
  uint64_t record_bytes_ = 0;
};

}  // namespace cartwheel::storage
