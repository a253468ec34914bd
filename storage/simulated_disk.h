// A disk in memory that breaks when told to: what tests and the simulator run the log on.
//
// It tells what is written from what is synced. A power loss keeps of every file what was synced
// and, of each 512-byte sector written since, the old bytes or the new ones as a seed decides: a
// disk promises neither order nor more than a sector at once. So too with a change of the size, and
// with creations and removals since the directory was synced.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/disk.h"

namespace cartwheel::storage {

class SimulatedDisk : public Disk {
 public:
  SimulatedDisk();
  ~SimulatedDisk() override;

  Result<std::vector<std::string>> List() const override;
  Result<std::unique_ptr<File>> Create(const std::string& name) override;
  Result<std::unique_ptr<File>> Open(const std::string& name) override;
  Result<void> Remove(const std::string& name) override;
  Result<void> SyncDirectory() override;
  bool IsFull(uint64_t size, uint64_t bytes) const override;

  enum class Call : uint8_t { kWrite, kSync, kRead, kTruncate, kCreate, kRemove, kSyncDirectory };
  // After `after` more calls of this kind the next `count` fail with `kind`; a failing write first
  // writes `written` of its bytes (a short write). Takes the place of an earlier fault of that
  // call.
  struct Fault {
    Error::Kind kind = Error::Kind::kIo;
    uint64_t after = 0;
    uint64_t count = 1;
    uint64_t written = 0;
  };
  void Fail(Call call, Fault fault);
  // Bytes that all files together may have; a write beyond it is cut short with kNoSpace.
  void SetCapacity(uint64_t bytes);
  uint64_t calls(Call call) const;

  // Files opened before are dead afterwards: every call on them fails.
  void LosePower(uint64_t seed);
  // What a crash of the process alone leaves: everything written.
  void Crash();

  void FlipBit(const std::string& name, uint64_t offset, int bit);
  std::string Contents(const std::string& name) const;
  void SetContents(const std::string& name, std::string bytes);  // written and synced

 private:
  struct Inode;
  struct State;
  class SimulatedFile;

  Result<std::unique_ptr<File>> OpenInode(const std::string& name, std::shared_ptr<Inode> inode);

  const std::shared_ptr<State> state_;  // files may outlive the disk
};

}  // namespace cartwheel::storage
