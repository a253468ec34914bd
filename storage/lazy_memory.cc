#include "storage/lazy_memory.h"

#include <sys/mman.h>

#include "storage/check.h"

namespace cartwheel::storage {
namespace {

void* Map(void* at, size_t bytes, int flags) {
  return ::mmap(at, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
}

// A request: where it is refused, small pages work as well.
void AskForHugePages([[maybe_unused]] void* at, [[maybe_unused]] size_t bytes) {
#ifdef MADV_HUGEPAGE
  ::madvise(at, bytes, MADV_HUGEPAGE);
#endif
}

}  // namespace

LazyMemory::LazyMemory(size_t bytes) {
  if (bytes == 0) return;
  void* mapped = Map(nullptr, bytes, 0);
  if (mapped == MAP_FAILED) return;
  AskForHugePages(mapped, bytes);
  data_ = static_cast<char*>(mapped);
  size_ = bytes;
}

LazyMemory::~LazyMemory() {
  if (size_ != 0) ::munmap(data_, size_);
}

void LazyMemory::Release(size_t from) {
  if (from >= size_) return;
  char* const begin = data_ + from;
  // A new mapping in the old one's place; madvise promises zeros on Linux only.
  Check(Map(begin, size_ - from, MAP_FIXED) == begin,
        "a mapping can be replaced by one of its size");
  AskForHugePages(begin, size_ - from);
}

}  // namespace cartwheel::storage
