#include "tests/cluster/allocation_counter.h"

#include <cstdlib>
#include <new>

namespace {

size_t allocations = 0;

}  // namespace

// These replace the library's in the whole program; they stand in a file of their own so that no
// compiler inlines one half of a pair.
void* operator new(size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, size_t) noexcept {
  std::free(memory);
}

size_t cartwheel::cluster::AllocationCount() {
  return allocations;
}
