#include "storage/log.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>
#include <utility>

#include "storage/check.h"

namespace cartwheel::storage {

namespace {

// Zeros are written in steps that keep a sync of the log waiting for a few milliseconds at most,
// well before they are needed.
constexpr uint64_t kRoomStep = 4 << 20;
constexpr uint64_t kRoomAhead = 4 << 20;
constexpr uint64_t kRoomGap = 1 << 20;
constexpr size_t kZeroBytes = 256 << 10;
constexpr std::array<char, kZeroBytes> kZeros{};

// A batch's encoded size and some headers.
uint64_t AtMost(const LogBatch& batch) {
  return batch.bytes() + batch.bytes() / kZeroBytes + 2 * kRecordHeaderBytes;
}

Result<void> WriteZeros(File& file, uint64_t from, uint64_t to) {
  for (uint64_t at = from; at < to; at += kZeroBytes) {
    const std::string_view zeros(kZeros.data(), std::min<uint64_t>(kZeroBytes, to - at));
    if (auto written = file.Write(at, {&zeros, 1}); !written) return written;
  }
  return {};
}

}  // namespace

Result<void> LogSync::Run() const {
  if (room_file_ != nullptr) {
    if (auto written = WriteZeros(*room_file_, room_from_, room_to_); !written) return written;
    auto synced = room_file_->Sync();
    // What a sync loses may be more than the zeros, which can be done without.
    if (!synced) synced.error().kind = Error::Kind::kIo;
    return synced;
  }
  if (directory_ != nullptr) {
    if (auto synced = directory_->SyncDirectory(); !synced) return synced;
  }
  for (File* file : files_) {
    if (auto synced = file->Sync(); !synced) return synced;
  }
  return {};
}

Result<std::unique_ptr<Log>> Log::Open(Disk& disk, LogPosition covered, const BatchVisitor& visit,
                                       LogRecovery& recovery) {
  Result<LogContents> contents = ReadLog(disk, covered, visit, recovery);
  if (!contents) return std::unexpected(contents.error());
  std::unique_ptr<Log> log(new Log(disk));
  if (auto adopted = log->Adopt(*std::move(contents)); !adopted) {
    return std::unexpected(adopted.error());
  }
  return log;
}

// What is read is served, so it is made durable first, as is the end: what was cut off must not
// come back behind what is written next.
Result<void> Log::Adopt(LogContents contents) {
  end_ = contents.end;
  for (const std::string& name : contents.leftovers) {
    if (auto removed = disk_.Remove(name); !removed) return removed;
    directory_unsynced_ = true;
  }
  while (contents.segments.size() > contents.live_segments) {
    if (auto removed = disk_.Remove(contents.segments.back().name); !removed) return removed;
    contents.segments.pop_back();
    directory_unsynced_ = true;
  }
  for (LogContents::Segment& segment : contents.segments) {
    segments_.push_back({segment.begin, std::move(segment.file), true});
  }
  const auto reaches_end = ReachesEnd();
  if (!reaches_end) return std::unexpected(reaches_end.error());
  const auto ready = *reaches_end ? CutOff(segments_.back()) : AddSegment(end_);
  if (!ready) return ready;
  return Sync();
}

// A flush may have stored changes whose log a power loss took: then the log begins anew behind it.
Result<bool> Log::ReachesEnd() const {
  if (segments_.empty()) return false;
  const Segment& last = segments_.back();
  const auto size = last.file->Size();
  if (!size) return std::unexpected(size.error());
  return end_ - last.begin <= std::max<uint64_t>(*size, kSegmentHeaderBytes);
}

// What is behind the end of the log. A segment that holds nothing gets its header anew: it may be
// torn too.
Result<void> Log::CutOff(Segment& last) {
  if (end_ - last.begin < kSegmentHeaderBytes) {
    end_ = last.begin + kSegmentHeaderBytes;
    if (auto written = WriteHeader(*last.file, last.begin); !written) return written;
  }
  return last.file->Truncate(end_ - last.begin);
}

Result<void> Log::WriteHeader(File& file, LogPosition begin) {
  std::array<char, kSegmentHeaderBytes> header;
  EncodeSegmentHeader(begin, header.data());
  const std::string_view bytes(header.data(), header.size());
  return file.Write(0, {&bytes, 1});
}

Result<void> Log::AddSegment(LogPosition begin) {
  const std::string name = SegmentName(begin);
  auto file = disk_.Create(name);
  if (!file) return std::unexpected(file.error());
  if (auto written = WriteHeader(**file, begin); !written) {
    file->reset();
    std::ignore = disk_.Remove(name);
    directory_unsynced_ = true;  // or it might come back
    return std::unexpected(ErrorOfAppend(written.error(), 0));
  }
  segments_.push_back({begin, *std::move(file), true});
  directory_unsynced_ = true;
  end_ = begin + kSegmentHeaderBytes;
  return {};
}

Result<void> Log::Append(const LogBatch& batch) {
  if (batch.empty()) return {};
  Encode(batch);
  Segment& segment = segments_.back();
  const uint64_t offset = end_ - segment.begin;
  if (auto written = segment.file->Write(offset, pieces_); !written) {
    std::ignore = segment.file->Truncate(offset);
    room_ = 0;
    return std::unexpected(ErrorOfAppend(written.error(), offset));
  }
  segment.unsynced = true;
  end_ += record_bytes_;
  return {};
}

void Log::Encode(const LogBatch& batch) {
  pieces_.clear();
  headers_.clear();
  record_bytes_ = 0;
  if (const auto single = batch.Single()) [[likely]] {
    headers_.resize(kRecordHeaderBytes);
    return EncodeRecord(0, {&*single, 1}, {});
  }
  const std::vector<LogBatch::Payload> payloads = batch.Payloads();
  headers_.resize(payloads.size() * kRecordHeaderBytes);  // at once: the pieces are views of it
  for (size_t i = 0; i < payloads.size(); ++i) {
    EncodeRecord(i, payloads[i].pieces,
                 {.batch_goes_on = i + 1 < payloads.size(), .batch_began_before = i > 0});
  }
}

void Log::EncodeRecord(size_t number, std::span<const std::string_view> payload,
                       RecordHeader header) {
  uint64_t bytes = 0;
  for (const std::string_view piece : payload) bytes += piece.size();
  header.position = end_ + record_bytes_;
  header.durable = durable_;
  header.payload_bytes = static_cast<uint32_t>(bytes);
  char* to = headers_.data() + number * kRecordHeaderBytes;
  EncodeRecordHeader(header, payload, to);
  pieces_.emplace_back(to, kRecordHeaderBytes);
  pieces_.insert(pieces_.end(), payload.begin(), payload.end());
  record_bytes_ += kRecordHeaderBytes + bytes;
}

// Some systems report a write that a full disk cuts short as EIO.
Error Log::ErrorOfAppend(Error error, uint64_t offset) const {
  constexpr uint64_t kProbeBytes = 1 << 20;
  if (error.kind == Error::Kind::kIo && disk_.IsFull(offset, kProbeBytes)) {
    error.kind = Error::Kind::kNoSpace;
  }
  return error;
}

Result<void> Log::Sync() {
  const LogSync sync = BeginSync();
  const auto result = sync.Run();
  Synced(sync, result.has_value());
  return result;
}

LogSync Log::BeginSync() {
  LogSync sync;
  sync.end_ = end_;
  sync.directory_ = std::exchange(directory_unsynced_, false) ? &disk_ : nullptr;
  for (Segment& segment : segments_) {
    if (std::exchange(segment.unsynced, false)) sync.files_.push_back(segment.file.get());
  }
  return sync;
}

// A segment counts as synced as soon as somebody is about to do it: so this goes by what is
// durable.
LogSync Log::SyncForFlush(LogPosition covered) const {
  const LogPosition safe = std::max(durable_, covered);
  LogSync sync;
  sync.end_ = end_;
  if (safe >= end_) return sync;
  sync.directory_ = &disk_;
  for (size_t i = 0; i < segments_.size(); ++i) {
    const bool durable = i + 1 < segments_.size() && segments_[i + 1].begin <= safe;
    if (!durable) sync.files_.push_back(segments_[i].file.get());
  }
  return sync;
}

// After a failure nothing is ever called durable again.
void Log::Synced(const LogSync& sync, bool succeeded) {
  if (sync.makes_room()) {
    room_begun_.reset();
    // Where there is no room for zeros, appends find out for themselves.
    if (sync.room_segment_ == segments_.back().begin) {
      room_ = succeeded ? sync.room_to_ : std::numeric_limits<uint64_t>::max();
    }
    return;
  }
  if (succeeded) durable_ = std::max(durable_, sync.end());
}

bool Log::WantsRoom() const {
  return !room_begun_ && room_ < end_ - segments_.back().begin + kRoomAhead;
}

Result<LogSync> Log::BeginRoom() {
  const Segment& last = segments_.back();
  auto file = disk_.Open(SegmentName(last.begin));
  if (!file) {
    room_ = std::numeric_limits<uint64_t>::max();
    return std::unexpected(file.error());
  }
  LogSync sync;
  sync.room_file_ = *std::move(file);
  sync.room_segment_ = last.begin;
  sync.room_from_ = std::max(room_, end_ - last.begin + kRoomGap);
  sync.room_to_ = sync.room_from_ + kRoomStep;
  room_begun_ = sync.room_from_;
  return sync;
}

bool Log::FitsBeforeRoom(const LogBatch& batch) const {
  return !room_begun_ || end_ - segments_.back().begin + AtMost(batch) <= *room_begun_;
}

void Log::SecureRoom(uint64_t bytes) {
  if (room_begun_) return;
  const uint64_t end = end_ - segments_.back().begin;
  std::ignore = WriteZeros(*segments_.back().file, std::max(end, room_), end + bytes);
  room_ = std::max(room_, end + bytes);
}

void Log::DropRoom() {
  if (room_begun_) return;
  std::ignore = segments_.back().file->Truncate(end_ - segments_.back().begin);
  room_ = 0;
}

Result<void> Log::Roll() {
  const LogPosition begin = end_;
  File& file = *segments_.back().file;
  const uint64_t size = begin - segments_.back().begin;
  if (size == kSegmentHeaderBytes) return {};
  auto added = AddSegment(begin);
  // The zeros behind it are not needed any more; where they stay they are not read.
  if (added && !room_begun_) std::ignore = file.Truncate(size);
  if (added) room_ = 0;
  return added;
}

std::vector<std::string> Log::Covered(LogPosition covered) const {
  std::vector<std::string> names;
  for (size_t i = 0; i + 1 < segments_.size() && segments_[i + 1].begin <= covered; ++i) {
    names.push_back(SegmentName(segments_[i].begin));
  }
  return names;
}

void Log::Forget(LogPosition covered) {
  durable_ = std::max(durable_, covered);
  const size_t count = Covered(covered).size();
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(count));
}

}  // namespace cartwheel::storage
