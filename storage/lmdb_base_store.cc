#include "storage/lmdb_base_store.h"

#include <atomic>
#include <cerrno>
#include <optional>
#include <sys/stat.h>
#include <utility>

#include "storage/lmdb_flush.h"
#include "storage/lmdb_pack.h"
#include "storage/lmdb_reader.h"
#include "storage/lmdb_store.h"
#include "storage/posix_file.h"

namespace cartwheel::storage {
namespace {

class LmdbBaseStore : public BaseStore {
 public:
  explicit LmdbBaseStore(LmdbStore store) : store_(std::move(store)), covered_(store_.covered()) {
    Measure();
  }

  LogPosition covered() const override { return covered_; }

  std::unique_ptr<BaseReader> NewReader(std::optional<Error>& failure) override {
    return std::make_unique<LmdbReader>(store_, failure);
  }

  Result<void> Flush(const FlushPlan& plan, const HowToFlush& how) override {
    const int code =
        FlushToLmdb(store_, plan, how.transaction_keys, how.packs ? &packer_ : nullptr);
    map_full_ = code == MDB_MAP_FULL;
    Measure();
    if (code != 0) return std::unexpected(ErrorOfFlush(code));
    covered_ = plan.covered;
    return {};
  }

  bool GrowAfterFailure() override { return std::exchange(map_full_, false) && store_.Grow(); }
  void ReleasePages() override { store_.ReleasePages(); }
  uint64_t bytes_on_disk() const override { return bytes_on_disk_; }
  uint64_t free_bytes() const override { return free_bytes_; }

 private:
  Error ErrorOfFlush(int code) const {
    // LMDB reports a write cut short by a full disk as EIO as well.
    constexpr uint64_t kProbeBytes = 1 << 20;
    if (code == EIO && IsFull(store_.directory(), file_bytes_, kProbeBytes)) code = ENOSPC;
    return LmdbError(code, store_.data_file());
  }

  void Measure() {
    struct stat status{};
    // Fails only when the file was removed under us; then it takes no space that anyone could see.
    if (::stat(store_.data_file().c_str(), &status) == 0) {
      bytes_on_disk_ = static_cast<uint64_t>(status.st_blocks) * 512;
      file_bytes_ = static_cast<uint64_t>(status.st_size);  // more, if there are holes
    }
    free_bytes_ = store_.FreeBytes();
  }

  LmdbStore store_;
  // Written by the thread that flushes, read by the other one when it is done...
  LogPosition covered_;
  bool map_full_ = false;
  LmdbPacker packer_;
  uint64_t file_bytes_ = 0;
  // ... and these at any time.
  std::atomic<uint64_t> bytes_on_disk_ = 0;
  std::atomic<uint64_t> free_bytes_ = 0;
};

}  // namespace

Result<std::unique_ptr<BaseStore>> OpenLmdbBaseStore(const std::string& directory,
                                                     const LmdbOptions& options) {
  Result<LmdbStore> store = LmdbStore::Open(directory, options);
  if (!store) return std::unexpected(store.error());
  return std::make_unique<LmdbBaseStore>(*std::move(store));
}

}  // namespace cartwheel::storage
