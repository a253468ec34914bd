// The input as what a log's files hold, in two ways.
//
// Built: a program of bytes, zeros, headers and records with true checksums, which no mutation
// guesses, over several segments at any places. Whatever comes of it, reading ends, hands out
// nothing that no sound records say, accounts for the bytes, and goes on after a recovery.
//
// Damaged: a log that was written, synced and rolled as the input says; then bits are flipped,
// bytes zeroed and files cut. What must be found again follows from what was written.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/log.h"
#include "storage/log_format.h"
#include "storage/simulated_disk.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using namespace cartwheel::storage;  // NOLINT: all of this is about it
using cartwheel::fuzz::Require;

// The input's numbers; zeros behind its end.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return rest_.empty(); }
  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return byte;
  }
  uint64_t Number(int bytes) {
    uint64_t number = 0;
    for (int i = 0; i < bytes; ++i) number = number << 8 | Byte();
    return number;
  }
  std::string_view Bytes(size_t count) {
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }

 private:
  std::string_view rest_;
};

struct Batch {
  LogPosition end = 0;
  std::string payload;
  bool operator==(const Batch&) const = default;
};

struct Reading {
  std::vector<Batch> batches;
  LogRecovery recovery;
  LogPosition end = 0;

  bool operator==(const Reading& other) const {
    return batches == other.batches && end == other.end && recovery.bytes == other.recovery.bytes &&
           recovery.torn_bytes == other.recovery.torn_bytes &&
           recovery.damaged_bytes == other.recovery.damaged_bytes &&
           recovery.damage == other.recovery.damage;
  }
  BatchVisitor Visitor() {
    return [this](LogPosition at, std::string_view payload) -> Result<void> {
      batches.push_back({at, std::string(payload)});
      while (TakeOperation(payload)) {
      }
      return {};
    };
  }
};

Reading Read(SimulatedDisk& disk, LogPosition covered) {
  Reading reading;
  const auto contents = ReadLog(disk, covered, reading.Visitor(), reading.recovery);
  Require(contents.has_value(), "whatever the bytes are, they can be read");
  Require(contents->live_segments <= contents->segments.size(), "live segments are segments");
  reading.end = contents->end;
  return reading;
}

// ---- built logs

std::string Record(const RecordHeader& header, std::string_view payload) {
  std::string bytes(kRecordHeaderBytes, '\0');
  EncodeRecordHeader(header, {&payload, 1}, bytes.data());
  return bytes += payload;
}

// Appends one step of the program to the segment that begins at `begin`.
void Build(Input& input, LogPosition begin, std::string& bytes) {
  const uint8_t step = input.Byte();
  const LogPosition here = begin + bytes.size();
  if (step < 32) {
    bytes += input.Bytes(input.Byte());
  } else if (step < 48) {
    bytes.append(input.Byte(), '\0');
  } else if (step < 56) {
    const size_t at = bytes.size();
    bytes.resize(at + kSegmentHeaderBytes);
    EncodeSegmentHeader(here, bytes.data() + at);
  } else {
    RecordHeader header{.position = here};
    header.durable = here - std::min<uint64_t>(here, input.Number(step < 64 ? 2 : 1));
    header.batch_goes_on = (step & 1) != 0;
    header.batch_began_before = (step & 2) != 0;
    const std::string_view payload = input.Bytes(1 + input.Byte() % 64);
    if (payload.empty()) return;
    header.payload_bytes = static_cast<uint32_t>(payload.size());
    bytes += Record(header, payload);
  }
}

// Every sound record of the files, found without the reader: by position, its payload.
using Records = std::map<LogPosition, std::string>;

Records RecordsOf(const SimulatedDisk& disk) {
  Records records;
  const std::vector<std::string> names = *disk.List();
  for (const std::string& name : names) {
    const LogPosition begin = *ParseSegmentName(name);
    const std::string bytes = disk.Contents(name);
    for (size_t at = 0; at + kRecordHeaderBytes < bytes.size(); ++at) {
      const auto header = DecodeRecordHeader(bytes.data() + at, begin + at);
      if (!header || header->payload_bytes > bytes.size() - at - kRecordHeaderBytes) continue;
      std::string payload = bytes.substr(at + kRecordHeaderBytes, header->payload_bytes);
      const std::string record = Record(*header, payload);
      if (bytes.compare(at, record.size(), record) == 0) records[begin + at] = std::move(payload);
    }
  }
  return records;
}

// Whether records one behind another, the last of which ends at batch.end, say this.
bool IsSaid(const Records& records, const Batch& batch) {
  for (const auto& [position, payload] : records) {
    if (position + kRecordHeaderBytes + payload.size() != batch.end) continue;
    if (!batch.payload.ends_with(payload)) continue;
    std::string rest = batch.payload.substr(0, batch.payload.size() - payload.size());
    if (rest.empty() || IsSaid(records, {position, rest})) return true;
    // The records of one batch may lie in two segments.
    if (IsSaid(records, {position - kSegmentHeaderBytes, rest})) return true;
  }
  return false;
}

void CheckAccounts(const SimulatedDisk& disk, LogPosition covered, const Reading& reading) {
  uint64_t sum = 0;
  size_t segments = 0;
  const std::vector<std::string> names = *disk.List();
  for (const std::string& name : names) {
    sum += disk.Contents(name).size();
    ++segments;
  }
  const LogRecovery& recovery = reading.recovery;
  Require(reading.end >= covered, "the log ends where it begins or later");
  const uint64_t read = recovery.bytes + recovery.damaged_bytes;
  Require(read <= reading.end - covered, "no byte counts twice");
  Require(reading.end - covered - read <= segments * kSegmentHeaderBytes,
          "all bytes count but for the segments' headers");
  Require(recovery.bytes + recovery.torn_bytes <= sum, "torn and read bytes are of the files");
  Require(recovery.batches == reading.batches.size(), "batches are counted");
  Require((recovery.damaged_bytes > 0) == !recovery.damage.empty(), "damage has lines");
  LogPosition end = covered;
  for (const Batch& batch : reading.batches) {
    Require(batch.end > end && batch.end <= reading.end, "batches come in order");
    end = batch.end;
  }
}

// Opens the log for good, appends, and reads all of it again.
void GoOn(SimulatedDisk& disk, LogPosition covered, const Reading& before) {
  Reading opened;
  auto log = Log::Open(disk, covered, opened.Visitor(), opened.recovery);
  Require(log.has_value(), "what can be read can be opened");
  Require(opened.batches == before.batches, "opening finds what reading finds");
  LogBatch batch;
  batch.Put(Keyspace::kData, "appended", "value");
  Require((*log)->Append(batch).has_value(), "a log can be appended to");
  const Batch appended{(*log)->end(), std::string(*batch.Single())};
  Require((*log)->Roll().has_value() && (*log)->Append(batch).has_value(), "a log can be rolled");
  const Batch rolled{(*log)->end(), appended.payload};
  Require((*log)->Sync().has_value(), "a log can be synced");
  disk.LosePower(1);

  const Reading after = Read(disk, covered);
  std::vector<Batch> expected = before.batches;
  expected.push_back(appended);
  expected.push_back(rolled);
  Require(after.batches == expected, "after a recovery the log has what it had and what came");
  Require(after.recovery.torn_bytes == 0, "a recovery leaves nothing torn");
  Require(after.recovery.damaged_bytes == before.recovery.damaged_bytes, "damage stays as it is");
}

void CheckBuilt(Input& input) {
  SimulatedDisk disk;
  const uint8_t places = input.Byte();
  // As far away as it gets at times, but for what is written here.
  const LogPosition origin = places < 224 ? 0 : kMaxLogPosition - (1 << 20) - input.Number(2);
  const LogPosition covered = origin + input.Number(2) % 2048;
  LogPosition begin = origin + (places & 1) * input.Number(1);
  for (int i = 0; i <= (places >> 1) % 4; ++i) {
    std::string bytes;
    for (int step = input.Byte() % 32; step > 0 && !input.empty(); --step) {
      Build(input, begin, bytes);
    }
    const uint64_t size = bytes.size();
    disk.SetContents(SegmentName(begin), std::move(bytes));
    // Most often where it ends; else with a gap or inside of it.
    const uint8_t distance = input.Byte();
    begin += std::max<uint64_t>(1, distance < 192 ? size : distance * 4);
  }
  const Reading reading = Read(disk, covered);
  Require(Read(disk, covered) == reading, "reading changes nothing");
  const Records records = RecordsOf(disk);
  for (const Batch& batch : reading.batches) {
    Require(IsSaid(records, batch), "no batch is invented");
  }
  CheckAccounts(disk, covered, reading);
  GoOn(disk, covered, reading);
}

// ---- damaged logs

struct Written {
  LogPosition begin = 0;
  LogPosition durable = 0;  // when it was written
  Batch batch;
  bool damaged = false;
};

LogBatch BatchOf(Input& input) {
  LogBatch batch;
  const uint8_t kind = input.Byte();
  const std::string key(1 + kind % 16, static_cast<char>('a' + kind % 26));
  if (kind % 4 == 0) batch.Delete(Keyspace::kExpiry, key);
  if (kind % 8 == 1) batch.DeleteRange(Keyspace::kMeta, key, "");
  batch.Put(Keyspace::kData, key, input.Bytes(kind / 4));
  return batch;
}

std::vector<Written> Write(Input& input, SimulatedDisk& disk) {
  std::vector<Written> written;
  LogRecovery recovery;
  auto log = Log::Open(disk, 0, Reading().Visitor(), recovery);
  Require(log.has_value(), "a new log can be opened");
  for (int steps = 1 + input.Byte() % 64; steps > 0; --steps) {
    const uint8_t step = input.Byte();
    if (step % 8 == 0) {
      Require((*log)->Sync().has_value(), "a log can be synced");
    } else if (step % 8 == 1) {
      Require((*log)->Roll().has_value(), "a log can be rolled");
    } else {
      const LogBatch batch = BatchOf(input);
      Written record{.begin = (*log)->end(), .durable = (*log)->durable(), .batch = {}};
      Require((*log)->Append(batch).has_value(), "a log can be appended to");
      record.batch = {(*log)->end(), std::string(*batch.Single())};
      written.push_back(std::move(record));
    }
  }
  disk.Crash();
  return written;
}

// Flips a bit of a file, or zeroes some bytes, or cuts it.
void Damage(Input& input, SimulatedDisk& disk) {
  const std::vector<std::string> names = *disk.List();
  const std::string& name = names[input.Byte() % names.size()];
  std::string bytes = disk.Contents(name);
  if (bytes.empty()) return;
  const size_t at = input.Number(2) % bytes.size();
  const uint8_t how = input.Byte();
  if (how < 192) {
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << how % 8));
  } else if (how < 224) {
    std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                std::min<size_t>(input.Byte(), bytes.size() - at), '\0');
  } else {
    bytes.resize(at);
  }
  disk.SetContents(name, std::move(bytes));
}

// Tells which records of a file are not as they were.
void FindDamage(SimulatedDisk& disk, const std::string& name, const std::string& before,
                std::vector<Written>& written) {
  std::string bytes = disk.Contents(name);
  const size_t left = bytes.size();
  bytes.resize(before.size());
  const LogPosition begin = *ParseSegmentName(name);
  for (Written& record : written) {
    if (record.begin < begin || record.begin >= begin + before.size()) continue;
    const size_t from = record.begin - begin;
    const size_t size = record.batch.end - record.begin;
    record.damaged = left < from + size || before.compare(from, size, bytes, from, size) != 0;
#ifdef CARTWHEEL_CANARY
    // The planted fault: a small record whose payload is damaged gets the checksum of what it has
    // become. No seed has one.
    const auto header = DecodeRecordHeader(bytes.data() + from, record.begin);
    if (record.damaged && header && header->payload_bytes == 6) {
      bytes.replace(from, size, Record(*header, bytes.substr(from + kRecordHeaderBytes, 6)));
      disk.SetContents(name, bytes);
    }
#endif
  }
}

// Unreadable records are skipped if one behind them calls their first byte durable; else the log
// ends before them.
std::vector<Batch> Expected(const std::vector<Written>& written) {
  std::vector<Batch> expected;
  for (size_t i = 0; i < written.size(); ++i) {
    if (!written[i].damaged) {
      expected.push_back(written[i].batch);
      continue;
    }
    const LogPosition begin = written[i].begin;
    while (i + 1 < written.size() && written[i + 1].damaged) ++i;
    const bool was_durable = std::ranges::any_of(
        written.begin() + static_cast<std::ptrdiff_t>(i), written.end(),
        [&](const Written& later) { return !later.damaged && later.durable > begin; });
    if (!was_durable) break;
  }
  return expected;
}

void CheckDamaged(Input& input) {
  SimulatedDisk disk;
  std::vector<Written> written = Write(input, disk);
  std::map<std::string, std::string> before;
  const std::vector<std::string> names = *disk.List();
  for (const std::string& name : names) before[name] = disk.Contents(name);
  for (int damages = input.Byte() % 5; damages > 0 && !input.empty(); --damages) {
    Damage(input, disk);
  }
  for (const auto& [name, bytes] : before) FindDamage(disk, name, bytes, written);
  const Reading reading = Read(disk, 0);
  Require(reading.batches == Expected(written), "all that can be found is found, and no more");
  CheckAccounts(disk, 0, reading);
  Require(Read(disk, 0) == reading, "reading changes nothing");
  GoOn(disk, 0, reading);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  if (input.Byte() % 2 == 0) {
    CheckBuilt(input);
  } else {
    CheckDamaged(input);
  }
  return 0;
}
