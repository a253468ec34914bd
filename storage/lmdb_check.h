// A check of a whole base store that changes no file: for an operator who wants to
// know, and for tests that break disks.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/engine.h"
#include "storage/log_format.h"

namespace cartwheel::storage {

struct BaseCheck {
  struct Records {
    uint64_t count = 0;
    uint64_t bytes = 0;    // of keys and values
    uint64_t largest = 0;  // of them
  };
  std::array<Records, kKeyspaceCount> keyspaces;
  LogPosition covered = 0;
  uint64_t file_bytes = 0;
  uint64_t page_bytes = 0;
  uint64_t used_pages = 0;
  uint64_t free_pages = 0;
  uint64_t lost_pages = 0;  // neither used nor free: wasted, but no damage
  // One line each that names the file and what is wrong in it; the first 100.
  std::vector<std::string> damage;
};

// Called for every record that can be reached, in the order of the keys as they are stored.
using VisitRecord =
    std::function<void(Keyspace keyspace, std::string_view key, std::string_view value)>;

// Reads every page of a data file that nobody changes meanwhile: the caller holds its directory.
// Damage is no error: an error is a file that cannot be read at all or is no data file.
Result<BaseCheck> CheckBase(const std::string& data_file, const VisitRecord& visit = nullptr);

}  // namespace cartwheel::storage
