// A base store in memory, for tests and the simulator: keeps what flushes brought, loses nothing
// else, and fails when told to.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "storage/base_store.h"
#include "storage/key_order.h"

namespace cartwheel::storage {

class MemoryBaseStore : public BaseStore {
 public:
  // The bytes on its disk: outlive the store, as a disk does a process. A flush makes a new state,
  // so that readers keep the one they began with.
  struct State {
    std::array<std::map<std::string, std::string, KeyOrder>, kKeyspaceCount> keyspaces;
    LogPosition covered = 0;
  };
  class Contents {
   public:
    std::shared_ptr<const State> Get() const;
    void Set(std::shared_ptr<const State> state);

   private:
    mutable std::mutex mutex_;
    std::shared_ptr<const State> state_ = std::make_shared<State>();
  };

  // `contents` outlives the store.
  explicit MemoryBaseStore(Contents& contents) : contents_(contents) {}

  struct FlushFault {
    Error::Kind kind = Error::Kind::kIo;
    uint32_t count = 1;  // so many flushes fail
    // Ranges and entries that are applied first, as transactions before the broken one would be.
    uint64_t applied = 0;
    // The store is only too small: GrowAfterFailure ends the fault.
    bool growing_helps = false;
  };
  // Takes the place of the fault set before.
  void FailFlushes(const FlushFault& fault);
  void FailFlushes(Error::Kind kind, uint32_t count = 1) {
    FailFlushes(FlushFault{.kind = kind, .count = count});
  }
  // The next `count` reads of a key or seeks of a cursor find nothing and report an error.
  void FailReads(uint32_t count);
  // Flushes that were to pack, which what is in memory has no need of.
  uint64_t packs() const { return packs_; }

  LogPosition covered() const override { return contents_.Get()->covered; }
  std::unique_ptr<BaseReader> NewReader(std::optional<Error>& failure) override;
  Result<void> Flush(const FlushPlan& plan, const HowToFlush& how) override;
  bool GrowAfterFailure() override;
  void ReleasePages() override { ++releases_; }
  uint64_t releases() const { return releases_; }
  uint64_t bytes_on_disk() const override;
  uint64_t free_bytes() const override { return 0; }

 private:
  Contents& contents_;
  std::mutex mutex_;
  FlushFault fault_{.count = 0};
  std::atomic<uint32_t> reads_to_fail_ = 0;
  std::atomic<uint64_t> releases_ = 0;
  std::atomic<uint64_t> packs_ = 0;
};

}  // namespace cartwheel::storage
