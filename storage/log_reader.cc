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
  uint64_t bytes() const { return kRecordHeaderBytes + uint64_t{header.payload_bytes}; }
  LogPosition end() const { return header.position + bytes(); }
};

// The sound record at `offset` of the file of the segment that begins at `begin`.
Result<std::optional<Record>> RecordAt(LogWindow& window, LogPosition begin, uint64_t offset) {
  const uint64_t size = window.size();
  if (offset > size || size - offset < kRecordHeaderBytes) return std::nullopt;
  auto bytes = window.From(offset, kRecordHeaderBytes);
  if (!bytes) return std::unexpected(bytes.error());
  const auto header = DecodeRecordHeader(bytes->data(), begin + offset);
  if (!header) return std::nullopt;
  const uint64_t record_bytes = kRecordHeaderBytes + uint64_t{header->payload_bytes};
  if (record_bytes > size - offset) return std::nullopt;
  bytes = window.From(offset, record_bytes);
  if (!bytes) return std::unexpected(bytes.error());
  const std::string_view payload = bytes->substr(kRecordHeaderBytes, header->payload_bytes);
  if (!IsSoundRecord(bytes->data(), payload)) return std::nullopt;
  return Record{*header, payload};
}

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
    return RecordAt(WindowOf(*segment), begin,
                    std::max<uint64_t>(position - begin, kSegmentHeaderBytes));
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
    const auto segment = SegmentAt(position);
    if (!segment) return "before " + segments_[0].file->name();
    return segments_[*segment].file->name() + " at byte " +
           std::to_string(position - segments_[*segment].begin);
  }

  // How many bytes the files have behind `begin`, up to the last one that is not zero; segments'
  // headers do not count.
  Result<uint64_t> BytesThatSaySomething(LogPosition begin) {
    uint64_t sum = 0;
    for (size_t i = SegmentAt(begin).value_or(0); i < segments_.size(); ++i) {
      const LogPosition first = segments_[i].begin;
      const uint64_t from = std::max<uint64_t>(begin - std::min(begin, first), kSegmentHeaderBytes);
      const auto bytes = BytesOfFile(i, from);
      if (!bytes) return bytes;
      sum += *bytes;
    }
    return sum;
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

  Result<uint64_t> BytesOfFile(size_t segment, uint64_t from) {
    uint64_t last = from;
    for (uint64_t offset = from; offset < sizes_[segment];) {
      const auto bytes = WindowOf(segment).From(offset, 1);
      if (!bytes) return std::unexpected(bytes.error());
      const size_t at = bytes->find_last_not_of('\0');
      if (at != std::string_view::npos) last = offset + at + 1;
      offset += bytes->size();
    }
    return last - from;
  }

  // Byte by byte, which is quick as only a place that names itself is looked at.
  Result<std::optional<Record>> Search(size_t segment, uint64_t offset) {
    const LogPosition begin = segments_[segment].begin;
    LogWindow& window = WindowOf(segment);
    while (offset < window.size() && window.size() - offset >= kRecordHeaderBytes) {
      const auto bytes = window.From(offset, kRecordHeaderBytes);
      if (!bytes) return std::unexpected(bytes.error());
      const size_t places = bytes->size() - kRecordHeaderBytes + 1;
      size_t place = 0;
      while (place < places && !DecodeRecordHeader(bytes->data() + place, begin + offset + place)) {
        ++place;
      }
      offset += place;
      if (place == places) continue;
      auto record = RecordAt(window, begin, offset);
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
    end_ = position;
    for (;;) {
      auto record = scanner_.At(position);
      if (!record) return std::unexpected(record.error());
      if (!*record) {
        // Bytes behind a batch that is not whole are judged with it.
        const auto next = GoOnAfter(batch_.empty() ? position : end_, position);
        if (!next) return std::unexpected(next.error());
        if (!*next) return end_;
        ForgetBatch();
        position = end_ = **next;
        continue;
      }
      const LogPosition record_end = (*record)->end();
      if (auto taken = Take(**record); !taken) return std::unexpected(taken.error());
      position = record_end;
      if (batch_.empty()) end_ = position;
    }
  }

 private:
  // After unreadable bytes at `bad`: where reading goes on; nullopt when the log ends at `begin`.
  Result<std::optional<LogPosition>> GoOnAfter(LogPosition begin, LogPosition bad) {
    const auto next = scanner_.Next(bad);
    if (!next) return std::unexpected(next.error());
    if (!*next) return EndAt(begin);
    const LogPosition resumed = (*next)->header.position;
    const auto was_durable = WasDurable(scanner_.BehindHeader(begin), **next);
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

  // Whether `next` or any sound record behind it calls the byte at `position` durable. The one that
  // does is kept for the next question: a log with many damaged places is not read once for each.
  Result<bool> WasDurable(LogPosition position, const Record& next) {
    if (witness_.position >= next.header.position && witness_.durable > position) return true;
    witness_ = next.header;
    for (LogPosition from = next.end(); witness_.durable <= position;) {
      const auto record = scanner_.Next(from);
      if (!record) return std::unexpected(record.error());
      if (!*record) return false;
      witness_ = (*record)->header;
      from = (*record)->end();
    }
    return true;
  }

  void NoteDamage(LogPosition begin, LogPosition end) {
    recovery_.damaged_bytes += end - begin;
    if (recovery_.damage.size() >= kMaxDamageLines) return;
    recovery_.damage.push_back(scanner_.Describe(begin) + ": " + std::to_string(end - begin) +
                               " bytes are damaged; the writes in them are lost");
  }

  Result<void> Take(const Record& record) {
    // The batch before it goes on nowhere.
    if (!record.header.batch_began_before && !batch_.empty()) {
      NoteDamage(end_, record.header.position);
      end_ = record.header.position;
      ForgetBatch();
    }
    // The beginning of its batch was damaged.
    if (record.header.batch_began_before && batch_.empty()) {
      NoteDamage(record.header.position, record.end());
      return {};
    }
    batch_bytes_ += record.bytes();
    if (record.header.batch_goes_on || record.header.batch_began_before) {
      batch_.append(record.payload);
      if (record.header.batch_goes_on) return {};
    }
    ++recovery_.batches;
    recovery_.bytes += batch_bytes_;
    auto visited = visit_(record.end(), batch_.empty() ? record.payload : batch_);
    ForgetBatch();
    return visited;
  }

  void ForgetBatch() {
    batch_.clear();
    batch_bytes_ = 0;
  }

  RecordScanner& scanner_;
  const BatchVisitor& visit_;
  LogRecovery& recovery_;
  LogPosition end_ = 0;       // of the last batch, or of damage
  std::string batch_;         // of the records of a batch that goes on
  uint64_t batch_bytes_ = 0;  // of the batch's records
  RecordHeader witness_;      // the last record that was asked what was durable
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

// A segment whose header could not be written and whose file could not be removed has the log's
// next records in the segment before it. `segments[i]` is such a one.
Result<bool> IsLeftover(const std::vector<LogContents::Segment>& segments, size_t i) {
  const LogContents::Segment& before = segments[i - 1];
  const auto size_before = before.file->Size();
  if (!size_before) return std::unexpected(size_before.error());
  const auto size = segments[i].file->Size();
  if (!size) return std::unexpected(size.error());
  LogWindow window_before(*before.file, *size_before);
  const auto went_on = RecordAt(window_before, before.begin, segments[i].begin - before.begin);
  if (!went_on) return std::unexpected(went_on.error());
  if (!*went_on) return false;
  LogWindow window(*segments[i].file, *size);
  const auto begun = RecordAt(window, segments[i].begin, kSegmentHeaderBytes);
  if (!begun) return std::unexpected(begun.error());
  return !*begun;
}

Result<std::vector<std::string>> TakeOutLeftovers(std::vector<LogContents::Segment>& segments) {
  std::vector<std::string> names;
  for (size_t i = 1; i < segments.size();) {
    const auto is_leftover = IsLeftover(segments, i);
    if (!is_leftover) return std::unexpected(is_leftover.error());
    if (*is_leftover) {
      names.push_back(std::move(segments[i].name));
      segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  return names;
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

std::unexpected<Error> UnknownOperation(LogPosition end) {
  return std::unexpected(Error{Error::Kind::kNewerFormat,
                               "the log's batch that ends at byte " + std::to_string(end) +
                                   ": has an operation that this version does not know; start the "
                                   "newer version that wrote it"});
}

Result<LogContents> ReadLog(Disk& disk, LogPosition covered, const BatchVisitor& visit,
                            LogRecovery& recovery) {
  if (covered > kMaxLogPosition) {
    return std::unexpected(
        Error{Error::Kind::kCorrupt, "the data file says that it has the log up to byte " +
                                         std::to_string(covered) +
                                         ", which no log reaches; restore it from a backup"});
  }
  auto segments = OpenSegments(disk);
  if (!segments) return std::unexpected(segments.error());
  auto leftovers = TakeOutLeftovers(*segments);
  if (!leftovers) return std::unexpected(leftovers.error());
  auto sizes = SizesOf(*segments);
  if (!sizes) return std::unexpected(sizes.error());
  if (auto known = RefuseNewerFormats(*segments); !known) return std::unexpected(known.error());

  LogContents contents;
  contents.segments = *std::move(segments);
  contents.leftovers = *std::move(leftovers);
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
