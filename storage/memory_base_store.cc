#include "storage/memory_base_store.h"

#include <utility>

namespace cartwheel::storage {
namespace {

using State = MemoryBaseStore::State;
using Keys = std::map<std::string, std::string, KeyOrder>;

class KeysCursor : public Cursor {
 public:
  KeysCursor(std::shared_ptr<const State> state, const Keys& keys)
      : state_(std::move(state)), keys_(keys), at_(keys.end()) {}

  void Seek(std::string_view key) override { at_ = keys_.lower_bound(key); }
  void Next() override { ++at_; }
  bool Valid() const override { return at_ != keys_.end(); }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }

 private:
  const std::shared_ptr<const State> state_;
  const Keys& keys_;
  Keys::const_iterator at_;
};

class StateReader : public BaseReader {
 public:
  explicit StateReader(const MemoryBaseStore::Contents& contents) : contents_(contents) {}

  bool Begin() override {
    if (state_ == nullptr) state_ = contents_.Get();
    return true;
  }
  void EndTurn() override { state_.reset(); }

  std::optional<std::string_view> Get(Keyspace keyspace, std::string_view key) override {
    const Keys& keys = KeysOf(keyspace);
    const auto found = keys.find(key);
    if (found == keys.end()) return std::nullopt;
    return found->second;
  }
  std::unique_ptr<Cursor> NewCursor(Keyspace keyspace) override {
    const Keys& keys = KeysOf(keyspace);
    return std::make_unique<KeysCursor>(state_, keys);
  }

 private:
  const Keys& KeysOf(Keyspace keyspace) {
    Begin();
    return state_->keyspaces[static_cast<size_t>(keyspace)];
  }

  const MemoryBaseStore::Contents& contents_;
  std::shared_ptr<const State> state_;
};

void Apply(const FlushPlan::Changes& changes, Keys& keys) {
  for (const auto& [begin, range] : changes.ranges.ranges()) {
    const auto from = keys.lower_bound(begin);
    keys.erase(from, range.end.empty() ? keys.end() : keys.lower_bound(range.end));
  }
  for (const Entry* entry : changes.entries) {
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

void MemoryBaseStore::FailFlushes(Error::Kind kind, uint32_t count) {
  const std::scoped_lock lock(mutex_);
  fault_ = kind;
  to_fail_ = count;
}

std::unique_ptr<BaseReader> MemoryBaseStore::NewReader(std::optional<Error>&) {
  return std::make_unique<StateReader>(contents_);
}

Result<void> MemoryBaseStore::Flush(const FlushPlan& plan, uint64_t) {
  {
    const std::scoped_lock lock(mutex_);
    if (to_fail_ > 0) {
      --to_fail_;
      return std::unexpected(Error{fault_, "base store: told to fail"});
    }
  }
  auto state = std::make_shared<State>(*contents_.Get());
  for (size_t i = 0; i < kKeyspaceCount; ++i) Apply(plan.changes[i], state->keyspaces[i]);
  state->covered = plan.covered;
  contents_.Set(std::move(state));
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
