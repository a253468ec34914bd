// Cuts the power at every system call of a flush, and breaks every one of them, against the real
// LMDB: what is left is always one of the states between two transactions, and whole.
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base_testing.h"
#include "file_journal.h"
#include "storage/lmdb_check.h"
#include "storage/lmdb_flush.h"
#include "storage/lmdb_pack.h"

namespace cartwheel::storage {
namespace {

constexpr size_t kSector = 512;
constexpr uint64_t kTransactionKeys = 25;
// LMDB commits a transaction by writing one of the two pages at the file's beginning.
constexpr uint64_t kMetaBytes = 2 * 4096;

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void WriteFile(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

bool IsCommit(const FileCall& call) {
  return call.kind == FileCall::Kind::kWrite && call.offset < kMetaBytes;
}

void Apply(const FileCall& call, std::string& image) {
  if (image.size() < call.offset + call.bytes.size()) {
    image.resize(call.offset + call.bytes.size());
  }
  image.replace(call.offset, call.bytes.size(), call.bytes);
}

// What the disk may hold after a power loss in the middle of the last of `calls`: what was synced,
// and of the rest whatever sectors the seed says.
std::string PowerLoss(std::string image, std::span<const FileCall> calls, bool obey_syncs,
                      Random& random) {
  std::vector<const FileCall*> unsynced;
  for (const FileCall& call : calls) {
    const bool returned = &call != &calls.back();
    if (call.kind == FileCall::Kind::kWrite) {
      unsynced.push_back(&call);
      if (!call.durable || !returned || !obey_syncs) continue;
      Apply(call, image);
      unsynced.pop_back();
    } else if (returned && obey_syncs) {
      for (const FileCall* earlier : unsynced) Apply(*earlier, image);
      unsynced.clear();
    }
  }
  const uint64_t of_eight = random.Below(9);  // 0: none gets through, 8: all do
  for (const FileCall* call : unsynced) {
    for (size_t at = 0; at < call->bytes.size();) {
      const size_t size =
          std::min(call->bytes.size() - at, kSector - (call->offset + at) % kSector);
      FileCall sector = *call;
      sector.offset += at;
      sector.bytes = call->bytes.substr(at, size);
      if (random.Below(8) < of_eight) Apply(sector, image);
      at += size;
    }
  }
  return image;
}

// A flush of many transactions, recorded.
class RecordedFlush {
 public:
  explicit RecordedFlush(uint64_t seed, bool sync = true) {
    Random random(seed);
    options_.sync = sync;
    options_.initial_map_bytes = 64 << 20;
    path_ = directory_ / "store";
    {
      const auto base = OpenBaseOrDie(path_, options_);
      for (int i = 0; i < 3; ++i) {
        PlanBuilder plan;
        FillRandomly(random, 400, plan);
        EXPECT_TRUE(base->Flush(plan.Build(1), {.transaction_keys = 1000}).has_value());
      }
      before_ = ReadFile(file());
      FillRandomly(random, 150, plan_);
      plan_.Build(2);
      {
        const FileJournal journal(file());
        EXPECT_TRUE(
            base->Flush(plan_.Build(2), {.transaction_keys = kTransactionKeys}).has_value());
        calls_ = journal.calls();
      }
    }
    FindStates();
  }

  std::string file() const { return path_ + "/data.mdb"; }
  const std::string& path() const { return path_; }
  const std::string& before() const { return before_; }
  const LmdbOptions& options() const { return options_; }
  const std::vector<FileCall>& calls() const { return calls_; }
  const std::vector<Model>& states() const { return states_; }  // by transactions done
  const FlushPlan& plan() { return plan_.Build(2); }

  // "" or what is wrong with a directory whose data file is `image`, in which at least `least` and
  // at most `most` transactions must be.
  std::string Judge(const std::string& image, size_t least, size_t most) {
    WriteFile(file(), image);
    Model found;
    const auto check = CheckBase(file(), [&](Keyspace keyspace, auto key, auto value) {
      found[static_cast<size_t>(keyspace)].emplace(key, value);
    });
    if (!check) return check.error().message;
    if (!check->damage.empty()) return check->damage.front();
    if (found != states_[least] && found != states_[most])
      return "not a state between transactions";
    const bool is_last = check->covered == 2;
    if (is_last ? most != states_.size() - 1 : least == states_.size() - 1) {
      return "the position is not that of the state";
    }
    return Resume(found);
  }

 private:
  // Opens the store and flushes the plan once more.
  std::string Resume(const Model& found) {
    LmdbOptions fast = options_;
    fast.sync = false;
    const auto base = OpenLmdbBaseStore(path_, fast);
    if (!base) return base.error().message;
    if (ReadAll(**base) != found) return "LMDB reads something else";
    if (!(*base)->Flush(plan(), {.transaction_keys = 10'000}))
      return "the flush cannot be done again";
    if (ReadAll(**base) != states_.back()) return "the flush done again ends elsewhere";
    return (*base)->covered() == 2 ? "" : "the position was not stored";
  }

  void FindStates() {
    std::string image = before_;
    states_.push_back(Contents(image));
    for (const FileCall& call : calls_) {
      if (call.kind == FileCall::Kind::kWrite) Apply(call, image);
      if (IsCommit(call)) states_.push_back(Contents(image));
    }
    EXPECT_EQ(image, ReadFile(file())) << "the journal misses calls that change the file";
    Model wanted = states_.front();
    plan_.ApplyTo(wanted);
    EXPECT_EQ(states_.back(), wanted);
    EXPECT_GT(states_.size(), 4U);
  }

  Model Contents(const std::string& image) {
    Model model;
    const std::string copy = directory_ / "copy";
    WriteFile(copy, image);
    const auto check = CheckBase(copy, [&](Keyspace keyspace, auto key, auto value) {
      model[static_cast<size_t>(keyspace)].emplace(key, value);
    });
    EXPECT_TRUE(check.has_value() && check->damage.empty());
    return model;
  }

  TempDirectory directory_;
  std::string path_;
  LmdbOptions options_;
  std::string before_;
  PlanBuilder plan_;
  std::vector<FileCall> calls_;
  std::vector<Model> states_;
};

// The violations found by losing power in the middle of every call, and after the last.
std::vector<std::string> LosePowerEverywhere(RecordedFlush& flush, bool obey_syncs, int seeds) {
  std::vector<std::string> violations;
  std::vector<FileCall> calls = flush.calls();
  calls.emplace_back();  // no call: all before it returned
  calls.back().durable = true;
  size_t done = 0;
  for (size_t cut = 0; cut < calls.size(); ++cut) {
    const size_t most = IsCommit(calls[cut]) && !calls[cut].bytes.empty() ? done + 1 : done;
    for (int seed = 0; seed < seeds; ++seed) {
      Random random(cut * 1000 + static_cast<uint64_t>(seed));
      const std::string image =
          PowerLoss(flush.before(), std::span(calls).first(cut + 1), obey_syncs, random);
      const std::string wrong = flush.Judge(image, done, most);
      if (wrong.empty()) continue;
      violations.push_back("power lost in call " + std::to_string(cut) + " of " +
                           std::to_string(calls.size()) + ", seed " + std::to_string(seed) + ": " +
                           wrong);
    }
    done = most;
  }
  return violations;
}

TEST(LmdbPowerLoss, LeavesAStateBetweenTwoTransactions) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    RecordedFlush flush(seed);
    const auto violations = LosePowerEverywhere(flush, true, 6);
    for (const std::string& violation : violations)
      ADD_FAILURE() << "seed " << seed << ": " << violation;
  }
}

// The canaries: a disk that lies about syncs, and a store that asks for none.
TEST(LmdbPowerLoss, ADiskThatDoesNotSyncIsFoundOut) {
  RecordedFlush flush(1);
  EXPECT_FALSE(LosePowerEverywhere(flush, false, 1).empty());
}

TEST(LmdbPowerLoss, AStoreThatDoesNotSyncIsFoundOut) {
  RecordedFlush flush(1, false);
  EXPECT_FALSE(LosePowerEverywhere(flush, true, 1).empty());
}

// Whatever the moment, the store has all its records and no others.
TEST(LmdbPowerLoss, LeavesAllRecordsThatArePacked) {
  constexpr uint64_t kTransactionPages = 32;
  const TempDirectory directory;
  LmdbOptions options;
  options.initial_map_bytes = 64 << 20;
  auto store = LmdbStore::Open(directory / "store", options);
  ASSERT_TRUE(store.has_value());
  Random random(1);
  Model model;
  for (LogPosition round = 1; round <= 6; ++round) {
    PlanBuilder plan;
    FillRandomly(random, 1500, plan);
    plan.ApplyTo(model);
    ASSERT_EQ(FlushToLmdb(*store, plan.Build(round), 10'000), 0);
  }
  const std::string before = ReadFile(store->data_file());
  std::vector<FileCall> calls;
  {
    const FileJournal journal(store->data_file());
    LmdbPacker packer;
    ASSERT_EQ(packer.Pack(*store, LmdbPacker::End(), 1'000'000, kTransactionPages), 0);
    calls = journal.calls();
  }
  EXPECT_GT(std::ranges::count_if(calls, IsCommit), 2);
  const std::string copy = directory / "copy";
  for (size_t cut = 0; cut < calls.size(); ++cut) {
    WriteFile(copy, PowerLoss(before, std::span(calls).first(cut + 1), true, random));
    Model found;
    const auto check = CheckBase(copy, [&](Keyspace keyspace, auto key, auto value) {
      found[static_cast<size_t>(keyspace)].emplace(key, value);
    });
    ASSERT_TRUE(check.has_value() && check->damage.empty());
    ASSERT_EQ(found, model) << "power lost in call " << cut;
  }
}

// A flush with one broken call: which error it reports, what the open store still reads, what a new
// start finds.
void BreakOneCall(RecordedFlush& flush, const FileJournal::Fault& fault, Error::Kind kind,
                  size_t least, size_t most) {
  SCOPED_TRACE("call " + std::to_string(fault.call) + ", error " + std::to_string(fault.code));
  WriteFile(flush.file(), flush.before());
  {
    const auto base = OpenBaseOrDie(flush.path(), flush.options());
    Result<void> flushed;
    {
      const FileJournal journal(flush.file(), fault);
      flushed = base->Flush(flush.plan(), {.transaction_keys = kTransactionKeys});
    }
    ASSERT_FALSE(flushed.has_value());
    EXPECT_EQ(flushed.error().kind, kind) << flushed.error().message;
    EXPECT_EQ(base->covered(), 1U);
    EXPECT_FALSE(base->GrowAfterFailure());
    EXPECT_EQ(ReadAll(*base), flush.states()[least]) << "reads go on";
    if (kind == Error::Kind::kNoSpace) {
      const auto again = base->Flush(flush.plan(), {.transaction_keys = kTransactionKeys});
      EXPECT_TRUE(again.has_value()) << again.error().message;
      EXPECT_EQ(ReadAll(*base), flush.states().back());
    }
  }
  if (kind == Error::Kind::kNoSpace) least = most = flush.states().size() - 1;
  EXPECT_EQ(flush.Judge(ReadFile(flush.file()), least, most), "");
}

TEST(LmdbFaults, EveryBrokenCallIsReportedAndNothingIsLost) {
  RecordedFlush flush(3);
  size_t done = 0;
  for (size_t i = 0; i < flush.calls().size(); ++i) {
    const FileCall& call = flush.calls()[i];
    const bool commit = IsCommit(call);
    BreakOneCall(flush, {.call = i, .code = EIO}, Error::Kind::kIo, done, done);
    if (call.kind == FileCall::Kind::kWrite) {
      const size_t half = call.bytes.size() / 2;
      BreakOneCall(flush, {.call = i, .code = 0, .written = half}, Error::Kind::kIo, done, done);
      BreakOneCall(flush, {.call = i, .code = EIO, .written = call.bytes.size()}, Error::Kind::kIo,
                   done, done + commit);
      // A commit writes over bytes that the file has: a disk that has no room for it is broken.
      BreakOneCall(flush, {.call = i, .code = ENOSPC, .written = half},
                   commit ? Error::Kind::kIo : Error::Kind::kNoSpace, done, done);
    }
    done += commit;
  }
  EXPECT_EQ(done + 1, flush.states().size());
}

}  // namespace
}  // namespace cartwheel::storage
