// The directory of a store: who holds it, and which format its files have.
//
// Format 1 was LMDB alone; format 2 has the log beside it; format 3 has the keyspace of hints, and
// vnodes that say whether they rebuild.
//
// cartwheel.lock carries an flock and the holder's pid; cartwheel.format one line of text. A new
// store is made under the name cartwheel.creating and sealed by renaming that file to
// cartwheel.format: until then a later start begins afresh, from then on a missing data file is
// damage. A store of an earlier format is sealed anew before anything is written that versions of
// that format do not know, so that they refuse it.
#pragma once

#include <cstdint>
#include <string>

#include "storage/engine.h"
#include "storage/posix_file.h"

namespace cartwheel::storage {

class DataDirectory {
 public:
  // Creates `path` if need be (mode 0700), locks it until destroyed and checks the format.
  static Result<DataDirectory> Open(const std::string& path);
  // The same for somebody who only looks: changes nothing, and kInvalid where there is no store. A
  // directory without a lock file, such as a copy, is not locked.
  static Result<DataDirectory> OpenForCheck(const std::string& path);

  // Holds no store yet: the caller makes the data file, durably, then seals.
  bool fresh() const { return fresh_; }
  // Holds no store yet, or one of an earlier format, which Seal makes one of the present format.
  bool NeedsSeal() const { return fresh_ || outdated_; }
  // Of the store as it was found; 0: there was none.
  uint32_t format() const { return format_; }
  Result<void> Seal();

  const std::string& path() const { return path_; }
  std::string data_file() const { return path_ + "/data.mdb"; }

 private:
  DataDirectory(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string format_file() const { return path_ + "/cartwheel.format"; }
  std::string creating_file() const { return path_ + "/cartwheel.creating"; }

  Result<void> Inspect();
  Result<void> InspectFormat();
  Result<void> StartAfresh();
  static Result<void> WriteFormat(const std::string& path);
  Result<void> RefuseLog() const;
  Result<void> RefuseNoStore() const;

  std::string path_;
  UniqueFd lock_;
  bool fresh_ = false;
  bool outdated_ = false;
  uint32_t format_ = 0;
};

}  // namespace cartwheel::storage
