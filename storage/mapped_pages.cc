#include "storage/mapped_pages.h"

#include <sys/resource.h>

namespace cartwheel::storage {
namespace {

constexpr uint64_t kMostMapped = 4ULL << 20;
// A fault maps this much of a file around the page it needs (Linux, fault_around_bytes).
constexpr uint64_t kMappedPerFault = 64 << 10;

}  // namespace

uint64_t MappedPages::FaultsOfThread() {
  struct rusage usage;
  return ::getrusage(RUSAGE_THREAD, &usage) == 0 ? static_cast<uint64_t>(usage.ru_minflt) : 0;
}

void MappedPages::LetGoOfMuch() {
  if ((FaultsOfThread() - faults_) * kMappedPerFault >= kMostMapped) LetGo();
}

void MappedPages::LetGo() {
  store_.ReleasePages();
  faults_ = FaultsOfThread();
}

}  // namespace cartwheel::storage
