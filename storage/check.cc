#include "storage/check.h"

#include <cstdio>
#include <cstdlib>

namespace cartwheel::storage {

void FailCheck(const char* claim, const std::source_location& where) {
  std::fprintf(stderr, "%s:%u: broken: %s\n", where.file_name(), where.line(), claim);
  std::abort();
}

}  // namespace cartwheel::storage
