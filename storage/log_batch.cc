#include "storage/log_batch.h"

#include <optional>

namespace cartwheel::storage {
namespace {

// The buffer keeps its memory up to this size: more than a turn of usual commands fills.
constexpr size_t kKeptBytes = 4 << 20;

}  // namespace

void LogBatch::Put(Keyspace keyspace, std::string_view key, std::string_view value) {
  puts_ |= keyspace != Keyspace::kMeta;
  AppendOperationHead(LogOperation::Kind::kPut, keyspace, key.size(), value.size(), bytes_);
  bytes_.append(key);
  if (value.size() < kLargeValueBytes) {
    bytes_.append(value);
  } else {
    large_.push_back({bytes_.size(), value});
    large_bytes_ += value.size();
  }
  EndOperation();
}

// Keys and bounds are copied whatever their size: the caller's may be gone before the turn ends.
void LogBatch::Delete(Keyspace keyspace, std::string_view key) {
  deletes_ = true;
  AppendOperationHead(LogOperation::Kind::kDelete, keyspace, key.size(), std::nullopt, bytes_);
  bytes_.append(key);
  EndOperation();
}

void LogBatch::DeleteRange(Keyspace keyspace, std::string_view begin, std::string_view end) {
  deletes_ = true;
  AppendOperationHead(LogOperation::Kind::kDeleteRange, keyspace, begin.size(), end.size(), bytes_);
  bytes_.append(begin);
  bytes_.append(end);
  EndOperation();
}

// Here a record may end.
void LogBatch::EndOperation() {
  if (bytes() - last_end_ < kRecordBytes) return;
  last_end_ = bytes();
  ends_.push_back({bytes_.size(), large_.size()});
}

void LogBatch::Clear() {
  if (bytes_.capacity() > kKeptBytes) {
    std::string().swap(bytes_);
  } else {
    bytes_.clear();
  }
  large_.clear();
  ends_.clear();
  large_bytes_ = 0;
  last_end_ = 0;
  deletes_ = puts_ = false;
}

std::vector<LogBatch::Payload> LogBatch::Payloads() const {
  std::vector<Payload> payloads;
  End from;
  for (const End& end : ends_) {
    payloads.push_back(Between(from, end));
    from = end;
  }
  if (from.at < bytes_.size()) payloads.push_back(Between(from, {bytes_.size(), large_.size()}));
  return payloads;
}

LogBatch::Payload LogBatch::Between(End from, End to) const {
  Payload payload;
  const auto append = [&](std::string_view piece) {
    if (piece.empty()) return;
    payload.pieces.push_back(piece);
    payload.bytes += piece.size();
  };
  size_t at = from.at;
  for (size_t i = from.large; i < to.large; ++i) {
    append(std::string_view(bytes_).substr(at, large_[i].at - at));
    append(large_[i].value);
    at = large_[i].at;
  }
  append(std::string_view(bytes_).substr(at, to.at - at));
  return payload;
}

}  // namespace cartwheel::storage
