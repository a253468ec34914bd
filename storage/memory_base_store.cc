#include "storage/memory_base_store.h"

#include <utility>

namespace cartwheel::storage {
namespace {

using State = MemoryBaseStore::State;
using Keys = std::map<std::string, std::string, KeyOrder>;

// Whether a read is told to fail; then it has.
class ReadFaults {
 public:
  ReadFaults(std::atomic<uint32_t>& to_fail, std::optional<Error>& failure)
      : to_fail_(to_fail), failure_(failure) {}

  bool Take() {
    if (to_fail_ == 0) return false;
    --to_fail_;
    failure_ = Error{Error::Kind::kIo, "base store: told to fail"};
    return true;
  }

 private:
  std::atomic<uint32_t>& to_fail_;
  std::optional<Error>& failure_;
};

class KeysCursor : public Cursor {
 public:
  KeysCursor(std::shared_ptr<const State> state, const Keys& keys, const ReadFaults& faults)
      : state_(std::move(state)), keys_(keys), at_(keys.end()), faults_(faults) {}

  void Seek(std::string_view key) override {
    at_ = faults_.Take() ? keys_.end() : keys_.lower_bound(key);
  }
  void Next() override { ++at_; }
  bool Valid() const override { return at_ != keys_.end(); }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }

 private:
  const std::shared_ptr<const State> state_;
  const Keys& keys_;
  Keys::const_iterator at_;
  ReadFaults faults_;
};

class StateReader : public BaseReader {
 public:
  StateReader(const MemoryBaseStore::Contents& contents, const ReadFaults& faults)
      : contents_(contents), faults_(faults) {}

  bool Begin() override {
    if (state_ == nullptr) state_ = contents_.Get();
    return true;
  }
  void EndTurn() override { state_.reset(); }

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override {
    const Keys& keys = KeysOf(keyspace);
    const auto found = keys.find(key);
    if (faults_.Take() || found == keys.end()) return std::nullopt;
    return found->second;
  }
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override {
    const Keys& keys = KeysOf(keyspace);
    return std::make_unique<KeysCursor>(state_, keys, faults_);
  }

 private:
  const Keys& KeysOf(Keyspace keyspace) {
    Begin();
    return state_->keyspaces[static_cast<size_t>(keyspace)];
  }

  const MemoryBaseStore::Contents& contents_;
  std::shared_ptr<const State> state_;
  ReadFaults faults_;
};

// At most `limit` changes, of which it takes those that it makes.
void Apply(const FlushPlan::Changes& changes, Keys& keys, uint64_t& limit) {
  for (const auto& [begin, range] : changes.ranges.ranges()) {
    if (limit == 0) return;
    --limit;
    const auto from = keys.lower_bound(begin);
    keys.erase(from, range.end.empty() ? keys.end() : keys.lower_bound(range.end));
  }
  for (const Entry* entry : changes.entries) {
    if (limit == 0) return;
    --limit;
    if (entry->is_tombstone()) {
      keys.erase(std::string(entry->key()));
    } else {
      keys.insert_or_assign(std::string(entry->key()), std::string(entry->value()));
    }
  }
}

}  // namespace

std::shared_ptr<const State> MemoryBaseStore::Contents::Get() const {
  const std::scoped_lock lock(mutex_);
  return state_;
}

void MemoryBaseStore::Contents::Set(std::shared_ptr<const State> state) {
  const std::scoped_lock lock(mutex_);
  state_ = std::move(state);
}

void MemoryBaseStore::FailFlushes(const FlushFault& fault) {
  const std::scoped_lock lock(mutex_);
  fault_ = fault;
}

void MemoryBaseStore::FailReads(uint32_t count) {
  reads_to_fail_ = count;
}

bool MemoryBaseStore::GrowAfterFailure() {
  const std::scoped_lock lock(mutex_);
  if (!fault_.growing_helps) return false;
  fault_ = {.count = 0};
  return true;
}

std::unique_ptr<BaseReader> MemoryBaseStore::NewReader(std::optional<Error>& failure) {
  return std::make_unique<StateReader>(contents_, ReadFaults(reads_to_fail_, failure));
}

// One thread flushes, so nobody else sets the state meanwhile.
Result<void> MemoryBaseStore::Flush(const FlushPlan& plan, const HowToFlush& how) {
  if (how.packs) ++packs_;
  std::optional<FlushFault> fault;
  {
    const std::scoped_lock lock(mutex_);
    if (fault_.count > 0) {
      --fault_.count;
      fault = fault_;
    }
  }
  auto state = std::make_shared<State>(*contents_.Get());
  uint64_t limit = fault ? fault->applied : ~uint64_t{0};
  for (size_t i = 0; i < kKeyspaceCount; ++i) Apply(plan.changes[i], state->keyspaces[i], limit);
  if (!fault) state->covered = plan.covered;
  contents_.Set(std::move(state));
  if (fault) return std::unexpected(Error{fault->kind, "base store: told to fail"});
  return {};
}

uint64_t MemoryBaseStore::bytes_on_disk() const {
  uint64_t bytes = 0;
  for (const Keys& keys : contents_.Get()->keyspaces) {
    for (const auto& [key, value] : keys) bytes += key.size() + value.size();
  }
  return bytes;
}

}  // namespace cartwheel::storage
