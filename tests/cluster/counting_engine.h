// A memory engine that counts what is asked of it, for tests of what an operation costs.
#pragma once

#include <memory>
#include <utility>

#include "storage/memory_engine.h"

namespace cartwheel::cluster {

struct EngineCalls {
  size_t gets = 0;
  size_t puts = 0;
  size_t deletes = 0;
  size_t ranges = 0;
  size_t steps = 0;  // seeks and nexts of cursors
};

class CountingCursor : public storage::Cursor {
 public:
  CountingCursor(std::unique_ptr<storage::Cursor> inner, EngineCalls& calls)
      : inner_(std::move(inner)), calls_(calls) {}
  void Seek(std::string_view key) override {
    ++calls_.steps;
    inner_->Seek(key);
  }
  void Next() override {
    ++calls_.steps;
    inner_->Next();
  }
  bool Valid() const override { return inner_->Valid(); }
  std::string_view key() const override { return inner_->key(); }
  std::string_view value() const override { return inner_->value(); }

 private:
  std::unique_ptr<storage::Cursor> inner_;
  EngineCalls& calls_;
};

class CountingEngine : public storage::Engine {
 public:
  EngineCalls calls;

  std::optional<std::string_view> Get(storage::Keyspace keyspace, std::string_view key) override {
    ++calls.gets;
    return inner_->Get(keyspace, key);
  }
  std::unique_ptr<storage::Cursor> NewCursor(storage::Keyspace keyspace) override {
    return std::make_unique<CountingCursor>(inner_->NewCursor(keyspace), calls);
  }
  void Put(storage::Keyspace keyspace, std::string_view key, std::string_view value) override {
    ++calls.puts;
    inner_->Put(keyspace, key, value);
  }
  void Delete(storage::Keyspace keyspace, std::string_view key) override {
    ++calls.deletes;
    inner_->Delete(keyspace, key);
  }
  void DeleteRange(storage::Keyspace keyspace, std::string_view begin,
                   std::string_view end) override {
    ++calls.ranges;
    inner_->DeleteRange(keyspace, begin, end);
  }
  storage::Result<void> Commit() override { return inner_->Commit(); }
  std::unique_ptr<storage::Reader> NewSnapshot() override { return inner_->NewSnapshot(); }
  storage::Usage usage() const override { return inner_->usage(); }
  std::string_view name() const override { return inner_->name(); }

 private:
  std::unique_ptr<storage::Engine> inner_ = storage::NewMemoryEngine();
};

}  // namespace cartwheel::cluster
