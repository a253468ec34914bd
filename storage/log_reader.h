// Reads a log back: hands out its batches in order and judges what is not readable.
//
// Bytes that are no sound record are searched for the next one. If a sound record behind them says
// that they were durable once, they are damage: they are counted, and reading goes on behind them.
// Else they are what a crash left of writes that nobody was promised, and the log ends before them:
// after a power loss later writes may have reached the disk before earlier ones, and without the
// earlier ones they are worth nothing.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/disk.h"
#include "storage/log_format.h"

namespace cartwheel::storage {

// Gets a batch: where it ends, and its operations (TakeOperation). An error of it ends the reading.
using BatchVisitor = std::function<Result<void>(LogPosition end, std::string_view payload)>;

struct LogRecovery {
  uint64_t batches = 0;             // handed out
  uint64_t bytes = 0;               // of their records
  uint64_t torn_bytes = 0;          // of files, never durable, behind the end
  uint64_t damaged_bytes = 0;       // durable once, unreadable now; batches were lost with them
  std::vector<std::string> damage;  // a line for each place: file, offset, bytes; the first 16
};

struct LogContents {
  struct Segment {
    LogPosition begin = 0;
    std::string name;
    std::unique_ptr<File> file;
  };
  std::vector<Segment> segments;  // all files of the log, oldest first, the torn ones included
  size_t live_segments = 0;       // those behind them hold nothing but torn bytes
  LogPosition end = 0;            // of the last batch
  // Files of segments that could neither be begun nor removed: the log went on in the one before.
  std::vector<std::string> leftovers;
};

// What a visitor returns when a batch, which ends at `end` and is as it was written, has an
// operation that this version does not know.
std::unexpected<Error> UnknownOperation(LogPosition end);

// Reads the log of a store whose base has everything before `covered`. Changes no file. Fails with
// kNewerFormat, kCorrupt when no log ends at `covered`, or when a file cannot be read.
Result<LogContents> ReadLog(Disk& disk, LogPosition covered, const BatchVisitor& visit,
                            LogRecovery& recovery);

}  // namespace cartwheel::storage
