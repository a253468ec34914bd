// Judges the records of a store that somebody else reads: each record by its checksum, the expiry
// index by the records, the counts by both.
//
// Records may come in any order, in two or three passes: the first learns how records name actors,
// the second finds what is wrong, the third puts names to what does not fit together. It keeps 16
// bytes for each key that expires.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/container.h"
#include "cluster/container_codec.h"
#include "cluster/counts.h"
#include "cluster/vnode.h"
#include "storage/engine.h"

namespace cartwheel::cluster {

class StoreCheck {
 public:
  // Lines that name places; more are counted only.
  static constexpr size_t kMaxLines = 100;

  // First pass: everything that the store holds, once.
  void Learn(storage::Keyspace keyspace, std::string_view key, std::string_view value);
  // Second pass: everything that the store holds, once.
  void Visit(storage::Keyspace keyspace, std::string_view key, std::string_view value);
  // Ends it.
  void Compare();

  // Whether a third pass has names to give: then Name gets everything once more.
  bool WantsNames() const { return !unindexed_.empty() || !stale_.empty(); }
  void Name(storage::Keyspace keyspace, std::string_view key, std::string_view value);

  const DatabaseCounts& found() const { return found_; }
  uint64_t damaged_records() const { return damaged_; }
  // Keys that other nodes are owed, each as often as it is to one.
  uint64_t hints() const { return hints_; }
  // Records whose expiry is not in the index: they expire, but are not reclaimed by themselves.
  uint64_t unindexed_records() const { return unindexed_.size(); }
  // Entries without their record. Damaged records leave them, and they go when their time comes.
  uint64_t stale_entries() const { return stale_.size(); }
  bool counts_agree() const { return counts_agree_; }
  bool sound() const {
    return damaged_ == 0 && foreign_ == 0 && unindexed_.empty() && counts_agree_;
  }
  // What is wrong, a line each.
  const std::vector<std::string>& lines() const { return lines_; }
  uint64_t lines_left_out() const { return lines_left_out_; }

 private:
  // container_ is the record.
  std::expected<ExpireAt, ContainerFault> GoneAtOf(std::string_view store_key,
                                                   std::string_view record);
  void VisitRecord(std::string_view key, std::string_view value);
  void VisitEntry(std::string_view entry);
  void VisitMeta(std::string_view key, std::string_view value);
  void VisitHint(std::string_view key, std::string_view value);
  void Say(std::string line);

  std::array<ActorTable, kPartitions> actors_;
  Container container_;  // scratch
  DatabaseCounts found_{};
  bool has_counts_ = false;
  bool counts_readable_ = true;
  DatabaseCounts stored_{};
  bool counts_agree_ = true;
  uint64_t damaged_ = 0;
  uint64_t hints_ = 0;
  uint64_t foreign_ = 0;  // what is no key of ours
  // Hashes of expiry and store key; sorted after the first pass.
  std::vector<uint64_t> expected_;  // of records
  std::vector<uint64_t> indexed_;   // of entries
  std::vector<uint64_t> unindexed_;
  std::vector<uint64_t> stale_;
  std::vector<std::string> lines_;
  uint64_t lines_left_out_ = 0;
};

}  // namespace cartwheel::cluster
