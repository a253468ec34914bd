// What the tests of storage/ share: a directory that goes away, the contents of a reader, integers
// from a seed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdlib.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "storage/durable_engine.h"
#include "storage/engine.h"

namespace cartwheel::storage {

class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "cartwheel-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// splitmix64 (Steele, Lea, Flood 2014): the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  uint64_t Below(uint64_t bound) { return Next() % bound; }

 private:
  uint64_t state_;
};

using Contents = std::vector<std::pair<std::string, std::string>>;

// Everything from `from` on, in the cursor's order.
inline Contents ScanFrom(Cursor& cursor, std::string_view from = "") {
  Contents contents;
  for (cursor.Seek(from); cursor.Valid(); cursor.Next()) {
    contents.emplace_back(cursor.key(), cursor.value());
  }
  return contents;
}
inline Contents ScanFrom(Reader& reader, Keyspace keyspace, std::string_view from = "") {
  return ScanFrom(*reader.NewCursor(keyspace), from);
}

// For stores that no test pulls the plug on: fsync is most of their time.
inline DurableOptions FastOptions() {
  DurableOptions options;
  options.settings.durability = Durability::kNo;
  options.lmdb.sync = false;
  return options;
}

inline std::unique_ptr<Engine> OpenOrDie(const std::string& directory,
                                         const DurableOptions& options = FastOptions()) {
  auto engine = OpenDurableEngine(directory, options);
  if (!engine) {
    ADD_FAILURE() << engine.error().message;
    std::abort();
  }
  return *std::move(engine);
}

// Two long keys that share the first 400 bytes and the hash, found by trying.
std::pair<std::string, std::string> CollidingKeys();

// Few enough that random choices hit them again and again: of one to three letters, at LMDB's
// limits, long with a common beginning, and a pair with equal hashes.
std::vector<std::string> FewKeys();

// The exit status of `body` run in a forked child; -signal when a signal ended it.
inline int RunInChild(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace cartwheel::storage
