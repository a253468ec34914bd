// Sees and breaks the system calls that change one file, whoever makes them: this program's own
// pwrite, writev, fsync and so on stand before libc's, for shared libraries such as LMDB too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cartwheel::storage {

struct FileCall {
  enum class Kind : uint8_t { kWrite, kSync };
  Kind kind = Kind::kWrite;
  bool durable = false;  // a write through a descriptor that syncs what it writes
  uint64_t offset = 0;
  std::string bytes;
};

// One at a time in a process.
class FileJournal {
 public:
  // What becomes of a call: it returns `code` as its error, having written `written` of its bytes;
  // with code 0 it is a short write.
  struct Fault {
    size_t call = ~size_t{0};  // by its place in the journal
    int code = 0;
    size_t written = 0;
  };

  // From now on, of the file that `path` names now.
  explicit FileJournal(const std::string& path);
  FileJournal(const std::string& path, const Fault& fault);
  ~FileJournal();
  FileJournal(const FileJournal&) = delete;
  FileJournal& operator=(const FileJournal&) = delete;

  // As asked for, faults included.
  const std::vector<FileCall>& calls() const { return calls_; }

 private:
  friend class FileJournalAccess;

  uint64_t device_ = 0;
  uint64_t inode_ = 0;
  Fault fault_;
  std::vector<FileCall> calls_;
};

}  // namespace cartwheel::storage
