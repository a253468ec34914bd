// A file that only takes space, so that a full disk still has some for those who make room.
//
// A deletion is a few bytes of log, and the space of what it deletes comes back with the flush
// behind it, which needs some pages of the data file first: on a disk that is full to the last byte
// nobody could delete anything. So the file goes when a commit that only frees finds no room; half
// of its space becomes room at the log's end, so that a flush that fails cannot take all of it.
// From then on other commits are refused, or they would take what deletions need, until the file
// can be made again: then there is room for all.
#pragma once

#include <cstdint>
#include <optional>

#include "storage/disk.h"
#include "storage/engine.h"

namespace cartwheel::storage {

class Reserve {
 public:
  static constexpr const char* kName = "cartwheel.reserve";
  // Some ten thousand deletions and the pages of a flush of them.
  static constexpr uint64_t kBytes = 1 << 20;

  // `bytes` 0: there is no such file. `disk` outlives it.
  Reserve(Disk& disk, uint64_t bytes) : disk_(disk), bytes_(bytes) {}

  // Makes the file unless it is there. Where that fails for anything but a full disk the store goes
  // on without.
  void Make();
  // Gives its space to deletions, on a disk that is full as `error` says. False: there is none to
  // give.
  bool Release(const Error& error);
  // What of it is for the log.
  uint64_t log_bytes() const { return bytes_ / 2; }

  // Why commits that do not only free are refused; nullopt: they are not.
  const std::optional<Error>& refusal() const { return refusal_; }

 private:
  Result<void> TryMake();
  void Refuse(Error error);

  Disk& disk_;
  const uint64_t bytes_;
  bool is_there_ = false;
  std::optional<Error> refusal_;
};

}  // namespace cartwheel::storage
