// Reads a whole data directory that no process uses and changes nothing in it: its pages, its log,
// and the records as a start would find them.
#pragma once

#include <cstdint>
#include <string>

#include "storage/data_directory.h"
#include "storage/engine.h"
#include "storage/lmdb_check.h"
#include "storage/log_reader.h"
#include "storage/write_batch.h"

namespace cartwheel::storage {

class DataCheck {
 public:
  // Holds the directory's lock until destroyed. Reads every page and the log, whose changes it
  // keeps in memory. Damage is no error; an error is what keeps the check from being made (kLocked,
  // kPermission, kNewerFormat, kIo ...) or the directory from holding a store at all.
  static Result<DataCheck> Open(const std::string& directory);

  const BaseCheck& base() const { return base_; }
  const LogRecovery& log() const { return log_; }
  size_t segments() const { return segments_; }
  bool sound() const { return base_.damage.empty() && log_.damaged_bytes == 0; }

  // Visits every record that can be reached, in any order; as often as one likes.
  Result<void> VisitRecords(const VisitRecord& visit) const;

 private:
  explicit DataCheck(DataDirectory directory) : directory_(std::move(directory)) {}
  Result<void> ReadTheLog();

  DataDirectory directory_;
  BaseCheck base_;
  LogRecovery log_;
  size_t segments_ = 0;
  WriteBatch changes_;  // of the log
};

}  // namespace cartwheel::storage
