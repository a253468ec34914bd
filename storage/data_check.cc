#include "storage/data_check.h"

#include <utility>

#include "storage/posix_disk.h"

namespace cartwheel::storage {

Result<DataCheck> DataCheck::Open(const std::string& directory) {
  Result<DataDirectory> opened = DataDirectory::OpenForCheck(directory);
  if (!opened) return std::unexpected(opened.error());
  DataCheck check(*std::move(opened));
  Result<BaseCheck> base = CheckBase(check.directory_.data_file());
  if (!base) return std::unexpected(base.error());
  check.base_ = *std::move(base);
  if (auto read = check.ReadTheLog(); !read) return std::unexpected(read.error());
  return check;
}

Result<void> DataCheck::ReadTheLog() {
  const auto disk = NewPosixDisk(directory_.path());
  const auto apply = [this](LogPosition end, std::string_view payload) -> Result<void> {
    while (const auto operation = TakeOperation(payload)) {
      switch (operation->kind) {
        case LogOperation::Kind::kPut:
          changes_.Put(operation->keyspace, operation->key, operation->value);
          break;
        case LogOperation::Kind::kDelete:
          changes_.Delete(operation->keyspace, operation->key);
          break;
        case LogOperation::Kind::kDeleteRange:
          changes_.DeleteRange(operation->keyspace, operation->key, operation->value);
          break;
      }
    }
    if (!payload.empty()) return UnknownOperation(end);
    return {};
  };
  const auto contents = ReadLog(*disk, base_.covered, apply, log_);
  if (!contents) return std::unexpected(contents.error());
  segments_ = contents->segments.size();
  return {};
}

Result<void> DataCheck::VisitRecords(const VisitRecord& visit) const {
  const auto of_base = CheckBase(
      directory_.data_file(), [&](Keyspace keyspace, std::string_view key, std::string_view value) {
        if (changes_.Find(keyspace, key).state == WriteBatch::State::kUntouched) {
          visit(keyspace, key, value);
        }
      });
  if (!of_base) return std::unexpected(of_base.error());
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    const auto keyspace = static_cast<Keyspace>(i);
    for (const auto& [key, value] : changes_.entries(keyspace)) {
      if (value) visit(keyspace, key, *value);
    }
  }
  return {};
}

}  // namespace cartwheel::storage
