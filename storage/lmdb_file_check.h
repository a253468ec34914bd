// Looks at a data file before LMDB maps it, since reading a mapped page past the end of a file
// kills the process.
#pragma once

#include <cstdint>
#include <string>

#include "storage/engine.h"
#include "storage/lmdb_format.h"

namespace cartwheel::storage {

struct DataFileSize {
  uint64_t actual = 0;
  // What holds every page in use. A sound file can be shorter: pages at the end that were taken and
  // freed in one transaction are counted but never written.
  uint64_t expected = 0;
};

// The meta page of the last commit. kCorrupt when either of the two makes no sense.
Result<LmdbMeta> ReadNewestMeta(int fd, const std::string& path);

// kCorrupt when the meta pages make no sense.
Result<DataFileSize> CheckDataFile(const std::string& path);

}  // namespace cartwheel::storage
