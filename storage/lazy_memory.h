// Zeroed memory that takes a page of the machine only once it is touched.
//
// The pages are huge ones (2 MiB) where the system has them: memory of this kind is large and read
// at random, and the translation of small pages misses nearly as often as the data.
#pragma once

#include <cstddef>

namespace cartwheel::storage {

class LazyMemory {
 public:
  // Starts at a page. Of 0 bytes when the system does not grant the address space.
  explicit LazyMemory(size_t bytes);
  ~LazyMemory();
  LazyMemory(const LazyMemory&) = delete;
  LazyMemory& operator=(const LazyMemory&) = delete;

  char* data() const { return data_; }
  size_t size() const { return size_; }

  // Gives the pages from there on back: zeros again. `from` is a multiple of kPageBytes.
  static constexpr size_t kPageBytes = 2 << 20;
  void Release(size_t from = 0);

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace cartwheel::storage
