#include "storage/log_reader.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "storage/log_window.h"

namespace cartwheel::storage {
namespace {

constexpr size_t kMaxDamageLines = 16;

struct Record {
  RecordHeader header;
  std::string_view payload;  // valid until the next record is looked for
  LogPosition end() const { return header.position + kRecordHeaderBytes + header.payload_bytes; }
};

// The records of all segments as one row of bytes with holes.
class RecordScanner {
 public:
  RecordScanner(const std::vector<LogContents::Segment>& segments, std::vector<uint64_t> sizes)
      : segments_(segments), sizes_(std::move(sizes)) {}

  // The sound record that begins at `position`, or right behind the header of the segment that
  // begins there. nullopt: there is none.
  Result<std::optional<Record>> At(LogPosition position) {
    const auto segment = SegmentAt(position);
    if (!segment) return std::nullopt;
    const LogPosition begin = segments_[*segment].begin;
    return Look(*segment, std::max<uint64_t>(position - begin, kSegmentHeaderBytes));
  }

  // The first sound record that begins at `position` or later.
  Result<std::optional<Record>> Next(LogPosition position) {
    for (size_t i = SegmentAt(position).value_or(FirstAfter(position)); i < segments_.size(); ++i) {
      const LogPosition begin = segments_[i].begin;
      const uint64_t from = position > begin ? position - begin : 0;
      auto found = Search(i, std::max<uint64_t>(from, kSegmentHeaderBytes));
      if (!found || *found) return found;
    }
    return std::nullopt;
  }

  // The first position at or behind this one where a record can stand.
  LogPosition BehindHeader(LogPosition position) const {
    const auto segment = SegmentAt(position);
    if (!segment) return position;
    return std::max(position, segments_[*segment].begin + kSegmentHeaderBytes);
  }

  std::string Describe(LogPosition position) const {
    const size_t segment = SegmentAt(position).value_or(0);
    return segments_[segment].file->name() + " at byte " +
           std::to_string(position - std::min(position, segments_[segment].begin));
  }

  // How many bytes there are from `begin` up to the last one that is not zero.
  Result<uint64_t> BytesThatSaySomething(LogPosition begin) {
    for (size_t i = segments_.size(); i-- > 0;) {
      const LogPosition first = segments_[i].begin;
      const uint64_t from = begin > first ? begin - first : kSegmentHeaderBytes;
      if (from >= sizes_[i]) {
        if (begin > first) return uint64_t{0};
        continue;
      }
      LogWindow window(*segments_[i].file, sizes_[i]);
      uint64_t last = 0;
      for (uint64_t offset = from; offset < sizes_[i];) {
        const auto bytes = window.From(offset, 1);
        if (!bytes) return std::unexpected(bytes.error());
        const size_t at = bytes->find_last_not_of('\0');
        if (at != std::string_view::npos) last = offset + at + 1;
        offset += bytes->size();
      }
      if (last > from) return first + last - begin;
    }
    return uint64_t{0};
  }

 private:
  std::optional<size_t> SegmentAt(LogPosition position) const {
    const size_t after = FirstAfter(position);
    if (after == 0) return std::nullopt;
    return after - 1;
  }
  // The first segment that begins behind `position`.
  size_t FirstAfter(LogPosition position) const {
    return static_cast<size_t>(
        std::ranges::upper_bound(segments_, position, {}, &LogContents::Segment::begin) -
        segments_.begin());
  }

  LogWindow& WindowOf(size_t segment) {
    if (!window_ || window_segment_ != segment) {
      window_.emplace(*segments_[segment].file, sizes_[segment]);
      window_segment_ = segment;
    }
    return *window_;
  }

  Result<std::optional<Record>> Look(size_t segment, uint64_t offset) {
    const uint64_t size = sizes_[segment];
    if (offset + kRecordHeaderBytes > size) return std::nullopt;
    LogWindow& window = WindowOf(segment);
    auto bytes = window.From(offset, kRecordHeaderBytes);
    if (!bytes) return std::unexpected(bytes.error());
    const auto header = DecodeRecordHeader(bytes->data(), segments_[segment].begin + offset);
    if (!header) return std::nullopt;
    const uint64_t record_bytes = kRecordHeaderBytes + uint64_t{header->payload_bytes};
    if (record_bytes > size - offset) return std::nullopt;
    bytes = window.From(offset, record_bytes);
    if (!bytes) return std::unexpected(bytes.error());
    const std::string_view payload = bytes->substr(kRecordHeaderBytes, header->payload_bytes);
    if (!IsSoundRecord(bytes->data(), payload)) return std::nullopt;
    return Record{*header, payload};
  }

  // Byte by byte, which is quick as only a place that names itself is looked at.
  Result<std::optional<Record>> Search(size_t segment, uint64_t offset) {
    const LogPosition begin = segments_[segment].begin;
    while (offset + kRecordHeaderBytes <= sizes_[segment]) {
      const auto bytes = WindowOf(segment).From(offset, kRecordHeaderBytes);
      if (!bytes) return std::unexpected(bytes.error());
      const size_t places = bytes->size() - kRecordHeaderBytes + 1;
      size_t place = 0;
      while (place < places && !DecodeRecordHeader(bytes->data() + place, begin + offset + place)) {
        ++place;
      }
      offset += place;
      if (place == places) continue;
      auto record = Look(segment, offset);
      if (!record || *record) return record;
      ++offset;
    }
    return std::nullopt;
  }

  const std::vector<LogContents::Segment>& segments_;
  const std::vector<uint64_t> sizes_;
  std::optional<LogWindow> window_;
  size_t window_segment_ = 0;
};

// One reading of a log.
class LogReading {
 public:
  LogReading(RecordScanner& scanner, const BatchVisitor& visit, LogRecovery& recovery)
      : scanner_(scanner), visit_(visit), recovery_(recovery) {}

  // From `position` to the end of the last batch, which is returned.
  Result<LogPosition> Read(LogPosition position) {
    LogPosition end = position;  // of the last whole batch
    for (;;) {
      auto record = scanner_.At(position);
      if (!record) return std::unexpected(record.error());
      if (!*record) {
        // Bytes behind a batch that is not whole are judged with it.
        const auto next = GoOnAfter(batch_.empty() ? position : end, position);
        if (!next) return std::unexpected(next.error());
        if (!*next) return end;
        batch_.clear();
        position = **next;
        continue;
      }
      const LogPosition record_end = (*record)->end();
      if (auto taken = Take(**record); !taken) return std::unexpected(taken.error());
      position = record_end;
      if (batch_.empty()) end = position;
    }
  }

 private:
  // After unreadable bytes at `bad`: where reading goes on; nullopt when the log ends at `begin`.
  Result<std::optional<LogPosition>> GoOnAfter(LogPosition begin, LogPosition bad) {
    const auto next = scanner_.Next(bad);
    if (!next) return std::unexpected(next.error());
    if (!*next) return EndAt(begin);
    const LogPosition resumed = (*next)->header.position;
    const auto was_durable = WasDurable(scanner_.BehindHeader(begin), resumed);
    if (!was_durable) return std::unexpected(was_durable.error());
    if (!*was_durable) return EndAt(begin);
    NoteDamage(begin, resumed);
    return resumed;
  }

  Result<std::optional<LogPosition>> EndAt(LogPosition begin) {
    const auto torn = scanner_.BytesThatSaySomething(begin);
    if (!torn) return std::unexpected(torn.error());
    recovery_.torn_bytes = *torn;
    return std::nullopt;
  }

  // Whether any sound record from `from` on calls the byte at `position` durable.
  Result<bool> WasDurable(LogPosition position, LogPosition from) {
    for (;;) {
      const auto record = scanner_.Next(from);
      if (!record) return std::unexpected(record.error());
      if (!*record) return false;
      if ((*record)->header.durable > position) return true;
      from = (*record)->end();
    }
  }

  void NoteDamage(LogPosition begin, LogPosition end) {
    recovery_.damaged_bytes += end - begin;
    if (recovery_.damage.size() >= kMaxDamageLines) return;
    recovery_.damage.push_back(scanner_.Describe(begin) + ": " + std::to_string(end - begin) +
                               " bytes are damaged; the writes in them are lost");
  }

  Result<void> Take(const Record& record) {
    recovery_.bytes += kRecordHeaderBytes + record.payload.size();
    if (!record.header.batch_began_before && !batch_.empty()) {
      NoteDamage(record.header.position - batch_.size(), record.header.position);
      batch_.clear();
    }
    // The beginning of its batch was damaged.
    if (record.header.batch_began_before && batch_.empty()) {
      NoteDamage(record.header.position, record.end());
      return {};
    }
    if (record.header.batch_goes_on || record.header.batch_began_before) {
      batch_.append(record.payload);
      if (record.header.batch_goes_on) return {};
    }
    ++recovery_.batches;
    auto visited = visit_(record.end(), batch_.empty() ? record.payload : batch_);
    batch_.clear();
    return visited;
  }

  RecordScanner& scanner_;
  const BatchVisitor& visit_;
  LogRecovery& recovery_;
  std::string batch_;  // of the records of a batch that goes on
};

Result<std::vector<LogContents::Segment>> OpenSegments(Disk& disk) {
  auto names = disk.List();
  if (!names) return std::unexpected(names.error());
  std::vector<LogContents::Segment> segments;
  for (std::string& name : *names) {
    const auto begin = ParseSegmentName(name);
    if (!begin) continue;
    auto file = disk.Open(name);
    if (!file) return std::unexpected(file.error());
    segments.push_back({*begin, std::move(name), *std::move(file)});
  }
  return segments;
}

// What counts of each segment: its file up to where the next one begins. A segment whose header is
// damaged may still have sound records.
Result<std::vector<uint64_t>> SizesOf(const std::vector<LogContents::Segment>& segments) {
  std::vector<uint64_t> sizes;
  for (size_t i = 0; i < segments.size(); ++i) {
    const auto size = segments[i].file->Size();
    if (!size) return std::unexpected(size.error());
    const bool last = i + 1 == segments.size();
    sizes.push_back(last ? *size : std::min(*size, segments[i + 1].begin - segments[i].begin));
  }
  return sizes;
}

Result<void> RefuseNewerFormats(const std::vector<LogContents::Segment>& segments) {
  for (const LogContents::Segment& segment : segments) {
    std::array<char, kSegmentHeaderBytes> header{};
    const auto got = segment.file->Read(0, header);
    if (!got) return std::unexpected(got.error());
    if (CheckSegmentHeader(header.data(), segment.begin) == SegmentFault::kNewerFormat) {
      return std::unexpected(
          Error{Error::Kind::kNewerFormat,
                segment.file->name() + ": written by a later version; start that version on it"});
    }
  }
  return {};
}

}  // namespace

Result<LogContents> ReadLog(Disk& disk, LogPosition covered, const BatchVisitor& visit,
                            LogRecovery& recovery) {
  auto segments = OpenSegments(disk);
  if (!segments) return std::unexpected(segments.error());
  auto sizes = SizesOf(*segments);
  if (!sizes) return std::unexpected(sizes.error());
  if (auto known = RefuseNewerFormats(*segments); !known) return std::unexpected(known.error());

  LogContents contents;
  contents.segments = *std::move(segments);
  RecordScanner scanner(contents.segments, *std::move(sizes));
  LogReading reading(scanner, visit, recovery);
  const auto end = reading.Read(covered);
  if (!end) return std::unexpected(end.error());
  contents.end = *end;
  for (const LogContents::Segment& segment : contents.segments) {
    contents.live_segments += segment.begin <= contents.end ? 1 : 0;
  }
  return contents;
}

}  // namespace cartwheel::storage
