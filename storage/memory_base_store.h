// A base store in memory, for tests and the simulator: keeps what whole flushes brought, loses
// nothing else, and fails when told to.
#pragma once

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

  // The next `count` flushes fail and change nothing.
  void FailFlushes(Error::Kind kind, uint32_t count = 1);

  LogPosition covered() const override { return contents_.Get()->covered; }
  std::unique_ptr<BaseReader> NewReader(std::optional<Error>& failure) override;
  Result<void> Flush(const FlushPlan& plan, uint64_t transaction_keys) override;
  bool GrowAfterFailure() override { return false; }
  void ReleasePages() override {}
  uint64_t bytes_on_disk() const override;
  uint64_t free_bytes() const override { return 0; }

 private:
  Contents& contents_;
  std::mutex mutex_;
  Error::Kind fault_ = Error::Kind::kIo;
  uint32_t to_fail_ = 0;
};

}  // namespace cartwheel::storage
