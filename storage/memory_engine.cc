#include "storage/memory_engine.h"

#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "storage/check.h"
#include "storage/version_table.h"

namespace cartwheel::storage {
namespace {

// Commits are numbered; the open batch writes at the next number. Each number that somebody still
// reads is pinned and holds the versions replaced after it that no later pin needs: unpinning hands
// them to the pin before, or frees them (as ZFS does with the dead lists of its snapshots). The
// engine pins the last commit itself, so that a snapshot taken in mid-batch finds it whole.
class MemoryEngine : public Engine {
 public:
  MemoryEngine() { ++pins_[committed_].readers; }

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override {
    return Table(keyspace).Get(key, VersionTable::kNewest);
  }
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override {
    return Table(keyspace).NewCursor(VersionTable::kNewest);
  }
  void Put(Keyspace keyspace, std::string_view key, std::string_view value) override {
    Check(!key.empty(), "a key has at least one byte");
    Table(keyspace).Write(key, value, committed_ + 1, Replaced());
    batch_open_ = true;
  }
  void Delete(Keyspace keyspace, std::string_view key) override {
    Table(keyspace).Write(key, std::nullopt, committed_ + 1, Replaced());
    batch_open_ = true;
  }
  void DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) override {
    if (IsEmptyRange(begin, end)) return;
    Table(keyspace).DeleteRange(begin, end, committed_ + 1, Replaced());
    batch_open_ = true;
  }
  Result<void> Commit() override {
    if (!batch_open_) return {};
    batch_open_ = false;
    const uint64_t before = committed_++;
    ++pins_[committed_].readers;
    Unpin(before);
    return {};
  }
  std::unique_ptr<Reader> NewSnapshot() override;
  Usage usage() const override;
  std::string_view name() const override { return "memory"; }

  VersionTable& Table(Keyspace keyspace) { return tables_[static_cast<size_t>(keyspace)]; }
  uint64_t PinLastCommit() {
    ++pins_[committed_].readers;
    return committed_;
  }
  void Unpin(uint64_t sequence);

 private:
  struct Pin {
    uint32_t readers = 0;
    std::vector<VersionTable::Replaced> replaced;
  };

  std::vector<VersionTable::Replaced>& Replaced() { return pins_.rbegin()->second.replaced; }

  std::array<VersionTable, kKeyspaceCount> tables_;
  uint64_t committed_ = 0;
  bool batch_open_ = false;
  std::map<uint64_t, Pin> pins_;  // by commit; the last one is `committed_`
};

class MemorySnapshot : public Reader {
 public:
  explicit MemorySnapshot(MemoryEngine& engine)
      : engine_(engine), sequence_(engine.PinLastCommit()) {}
  ~MemorySnapshot() override { engine_.Unpin(sequence_); }
  MemorySnapshot(const MemorySnapshot&) = delete;
  MemorySnapshot& operator=(const MemorySnapshot&) = delete;

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override {
    return engine_.Table(keyspace).Get(key, sequence_);
  }
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override {
    return engine_.Table(keyspace).NewCursor(sequence_);
  }

 private:
  MemoryEngine& engine_;
  const uint64_t sequence_;
};

void MemoryEngine::Unpin(uint64_t sequence) {
  const auto pin = pins_.find(sequence);
  if (--pin->second.readers > 0) return;
  const auto before = pin == pins_.begin() ? pins_.end() : std::prev(pin);
  for (const VersionTable::Replaced& version : pin->second.replaced) {
    if (before != pins_.end() && before->first >= version.sequence) {
      before->second.replaced.push_back(version);
    } else {
      version.table->Drop(version);
    }
  }
  pins_.erase(pin);
}

std::unique_ptr<Reader> MemoryEngine::NewSnapshot() {
  return std::make_unique<MemorySnapshot>(*this);
}

Usage MemoryEngine::usage() const {
  Usage usage;
  for (const VersionTable& table : tables_) usage.bytes_in_memory += table.bytes();
  usage.bytes_in_use =
      usage.bytes_in_memory - tables_[static_cast<size_t>(Keyspace::kMeta)].bytes();
  return usage;
}

}  // namespace

std::unique_ptr<Engine> NewMemoryEngine() {
  return std::make_unique<MemoryEngine>();
}

}  // namespace cartwheel::storage
