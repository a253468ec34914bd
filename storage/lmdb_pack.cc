#include "storage/lmdb_pack.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/lmdb_leaves.h"
#include "storage/lmdb_transaction.h"
#include "storage/mapped_pages.h"

namespace cartwheel::storage {
namespace {

// So many leaves are written anew together: enough that the last one, full or not, matters little.
constexpr size_t kLeavesPerRun = 64;
// With fewer, a store would go on for long before much of it is packed at once.
constexpr uint64_t kMostWrittenPerSaved = 8;

// Neighbouring leaves below one branch page. The first one keeps its records and gets those of the
// others as far as it has room.
struct Run {
  size_t keyspace = 0;
  std::string from;  // the first and the last stored key behind the first leaf
  std::string to;
  uint64_t bytes = 0;     // of the records from there to there
  uint64_t leaves = 0;    // before
  uint64_t packed = 0;    // afterwards
  uint64_t on_pages = 0;  // the pages that large values take beside them

  bool IsWorthWriting() const {
    return packed < leaves && packed + on_pages <= (leaves - packed) * kMostWrittenPerSaved;
  }
};

// Fills leaf after leaf with nodes and counts them.
class Filling {
 public:
  explicit Filling(uint64_t page_bytes) : room_(page_bytes - kLmdbPageHeaderBytes) {}

  void Add(const LmdbNode& node) {
    const uint64_t size = node.LeafBytes();
    if (size > left_) {
      ++leaves_;
      left_ = room_;
    }
    left_ -= std::min(size, left_);
  }
  uint64_t leaves() const { return leaves_; }

 private:
  uint64_t room_;
  uint64_t left_ = 0;
  uint64_t leaves_ = 0;
};

// nullopt: nodes that make no sense.
std::optional<Run> RunOf(size_t keyspace, std::span<const LmdbTreePage> leaves,
                         uint64_t page_bytes) {
  Run run;
  run.keyspace = keyspace;
  run.leaves = leaves.size();
  Filling filling(page_bytes);
  std::string_view last;
  for (size_t i = 0; i < leaves.size(); ++i) {
    for (size_t j = 0; j < leaves[i].size(); ++j) {
      const auto node = leaves[i].Node(j);
      if (!node) return std::nullopt;
      filling.Add(*node);
      if (i == 0) continue;
      if (i == 1 && j == 0) run.from.assign(node->key);
      last = node->key;
      run.bytes += node->key.size() + node->value_bytes;
      if (node->is_on_pages) {
        run.on_pages += (kLmdbPageHeaderBytes + node->value_bytes + page_bytes - 1) / page_bytes;
      }
    }
  }
  run.to.assign(last);
  run.packed = filling.leaves();
  return run;
}

using Records = std::vector<std::pair<std::string, std::string>>;

int Read(MDB_cursor* cursor, const Run& run, Records& records) {
  MDB_val key = ToVal(run.from);
  MDB_val value;
  int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_KEY);
  while (code == 0) {
    records.emplace_back(ToView(key), ToView(value));
    if (records.back().first == run.to) return 0;
    code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  return code;
}

// Takes the records out and puts them back in their order.
//
// The last first, since LMDB joins a leaf that gets empty with the one before it: so in the end
// they all belong behind those of the first leaf. And a leaf that overflows at its end splits
// there, so that each is filled before the next begins.
int Write(LmdbTransaction& transaction, const Run& run) {
  transaction.Enter(static_cast<Keyspace>(run.keyspace));
  const int ready = transaction.MakeReady(run.bytes, run.leaves + run.on_pages);
  if (ready != 0) return ready;
  Records records;
  if (const int code = Read(transaction.cursor(), run, records); code != 0) return code;
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    MDB_val key = ToVal(record->first);
    const int code = mdb_del(transaction.txn(), transaction.dbi(), &key, nullptr);
    if (code != 0) return code;
  }
  for (const auto& record : records) {
    MDB_val key = ToVal(record.first);
    MDB_val value = ToVal(record.second);
    const int code = mdb_cursor_put(transaction.cursor(), &key, &value, 0);
    if (code != 0) return code;
  }
  return 0;
}

}  // namespace

// Of one call, in the last commit.
class LmdbPacker::Search {
 public:
  Search(const LmdbStore& store, const Place& until, uint64_t leaves)
      : store_(store), until_(until), mapped_(store), left_(leaves) {}

  int From(Place& next) {
    MDB_txn* begun = nullptr;
    const int code = mdb_txn_begin(store_.env(), nullptr, MDB_RDONLY, &begun);
    if (code != 0) return code;
    const LmdbTxn txn(begun);
    while (left_ > 0 && next.keyspace < kKeyspaceCount) {
      const auto keyspace = static_cast<Keyspace>(next.keyspace);
      const auto siblings = SiblingsAt(store_, begun, keyspace, next.key);
      const bool is_last = !siblings || siblings->end.empty();
      Place behind{.keyspace = next.keyspace + (is_last ? 1 : 0),
                   .key = is_last ? std::string() : siblings->end};
      // What a flush is in the midst of is looked at when it is through.
      if (until_ < behind) return 0;
      if (siblings) Pass(next.keyspace, *siblings);
      next = std::move(behind);
    }
    if (next == End()) next = Place();
    return 0;
  }

  std::vector<Run> TakeRuns() { return std::exchange(runs_, {}); }

 private:
  void Pass(size_t keyspace, const LmdbSiblings& siblings) {
    std::span<const LmdbTreePage> rest = siblings.leaves;
    left_ -= std::min<uint64_t>(left_, rest.size());
    while (rest.size() > 1) {
      const auto leaves = rest.first(std::min(rest.size(), kLeavesPerRun));
      rest = rest.subspan(leaves.size());
      auto run = RunOf(keyspace, leaves, store_.page_bytes());
      if (run && run->IsWorthWriting()) runs_.push_back(*std::move(run));
      mapped_.Touched();
    }
  }

  const LmdbStore& store_;
  const Place& until_;
  MappedPages mapped_;
  uint64_t left_;
  std::vector<Run> runs_;
};

int LmdbPacker::Pack(const LmdbStore& store, const Place& flushed, uint64_t leaves,
                     uint64_t transaction_pages) {
  const Place end = End();
  Search search(store, flushed < next_ ? end : flushed, leaves);
  if (const int code = search.From(next_); code != 0) return code;
  LmdbTransaction transaction(store, transaction_pages);
  for (const Run& run : search.TakeRuns()) {
    if (const int code = Write(transaction, run); code != 0) return code;
  }
  return transaction.Commit();
}

}  // namespace cartwheel::storage
