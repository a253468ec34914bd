// Looks at a data file before LMDB maps it, since reading a mapped page past the end of a file
// kills the process.
#pragma once

#include <cstdint>
#include <string>

#include "storage/engine.h"

namespace cartwheel::storage {

struct DataFileSize {
  uint64_t actual = 0;
  // What holds every page in use. A sound file can be shorter: pages at the end that were taken and
  // freed in one transaction are counted but never written.
  uint64_t expected = 0;
};

// kCorrupt when neither of LMDB's two meta pages makes sense.
Result<DataFileSize> CheckDataFile(const std::string& path);

}  // namespace cartwheel::storage
