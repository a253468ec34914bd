#include "server/check_data.h"

#include <algorithm>

#include <fmt/format.h>

#include "cluster/store_check.h"
#include "server/info_text.h"
#include "storage/data_check.h"

namespace cartwheel::server {
namespace {

using storage::Keyspace;

constexpr int kSound = 0;
constexpr int kDamaged = 1;
constexpr int kNotChecked = 2;

constexpr std::string_view kWhatToDo = R"(
What to do:
  1. Copy the directory as it is before anything else writes to it, and look at the disk
     (dmesg, smartctl): damage here is bytes that the disk gave back otherwise than written.
  2. The server starts on it unless the data file is cut off or broken at its beginning. It serves
     what is not named above and answers an error for damaged keys; DEL or SET of such a key
     repairs it. Where pages are damaged, the next flush may fail, and then writes are refused.
  3. With damaged pages, or with damaged bytes in the log whose changes matter, restore a backup.
)";

void DescribeLog(const storage::DataCheck& check, std::string& out) {
  const storage::LogRecovery& log = check.log();
  out += fmt::format("log        {} segments; {} batches, {}, are not yet in the data file\n",
                     check.segments(), log.batches, FormatBytes(log.bytes));
  if (log.torn_bytes > 0) {
    out += fmt::format(
        "           {} bytes at its end were left unfinished by a crash; they were never forced\n"
        "           to the disk, and the next start cuts them off\n",
        log.torn_bytes);
  }
  for (const std::string& line : log.damage) out += "           damaged: " + line + '\n';
}

void DescribeBase(const storage::BaseCheck& base, std::string& out) {
  out +=
      fmt::format("data file  {}, pages of {}: {} in use, {} free\n", FormatBytes(base.file_bytes),
                  FormatBytes(base.page_bytes), base.used_pages, base.free_pages);
  if (base.lost_pages > 0) {
    out += fmt::format("           {} pages are neither; {}\n", base.lost_pages,
                       base.damage.empty() ? "wasted, but no damage"
                                           : "they are behind the damage below, or wasted");
  }
  for (const std::string& line : base.damage) out += "           damaged: " + line + '\n';
}

void DescribeRecords(const cluster::StoreCheck& records, std::string& out) {
  cluster::Counts total;
  std::string databases;
  for (cluster::Database database = 0; database < cluster::kMaxDatabases; ++database) {
    const cluster::Counts& counts = records.found()[database];
    if (counts == cluster::Counts{}) continue;
    total.keys += counts.keys;
    total.expires += counts.expires;
    databases += fmt::format("{}db{} {}", databases.empty() ? "" : ", ", database, counts.keys);
  }
  if (!databases.empty()) databases = " (" + databases + ")";
  out +=
      fmt::format("records    {} keys{}, {} that expire\n", total.keys, databases, total.expires);
  for (const std::string& line : records.lines()) out += "           " + line + '\n';
  if (records.lines_left_out() > 0) {
    out += fmt::format("           ... and {} more\n", records.lines_left_out());
  }
}

storage::Result<void> VisitAll(const storage::DataCheck& check, cluster::StoreCheck& records) {
  using Bytes = std::string_view;
  auto visited = check.VisitRecords(
      [&](Keyspace keyspace, Bytes key, Bytes value) { records.Learn(keyspace, key, value); });
  if (!visited) return visited;
  visited = check.VisitRecords(
      [&](Keyspace keyspace, Bytes key, Bytes value) { records.Visit(keyspace, key, value); });
  if (!visited) return visited;
  records.Compare();
  if (!records.WantsNames()) return {};
  return check.VisitRecords(
      [&](Keyspace keyspace, Bytes key, Bytes value) { records.Name(keyspace, key, value); });
}

DataReport NotChecked(const storage::Error& error) {
  using Kind = storage::Error::Kind;
  const bool damaged = error.kind == Kind::kCorrupt;
  return {damaged ? kDamaged : kNotChecked,
          (damaged ? "DAMAGED: " : "could not be checked: ") + error.message + '\n'};
}

}  // namespace

DataReport CheckData(const std::string& directory) {
  const auto check = storage::DataCheck::Open(directory);
  if (!check) return NotChecked(check.error());
  cluster::StoreCheck records;
  if (auto visited = VisitAll(*check, records); !visited) return NotChecked(visited.error());

  DataReport report;
  report.text = "directory  " + directory + '\n';
  DescribeLog(*check, report.text);
  DescribeBase(check->base(), report.text);
  DescribeRecords(records, report.text);
  if (check->sound() && records.sound()) {
    report.exit_code = kSound;
    report.text += "SOUND: every page, batch and record is what was written\n";
    return report;
  }
  report.exit_code = kDamaged;
  report.text += fmt::format(
      "DAMAGED: {} places in the data file, {} bytes of the log, {} records, {} records missing in "
      "the expiry index, {}\n",
      check->base().damage.size(), check->log().damaged_bytes, records.damaged_records(),
      records.unindexed_records(), records.counts_agree() ? "counts agree" : "counts do not agree");
  report.text += kWhatToDo;
  return report;
}

}  // namespace cartwheel::server
