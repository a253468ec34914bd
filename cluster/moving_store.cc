// LocalStore as a source, and as who has handed on what was its own.
#include <algorithm>
#include <utility>

#include "cluster/any_record.h"
#include "cluster/apply.h"
#include "cluster/local_store.h"
#include "cluster/message_fields.h"
#include "cluster/partition_walk.h"
#include "cluster/store_key.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

bool HasNoName(const Container& container) {
  return container.versions.size() == 1 && container.versions[0].dot == Dot{};
}

}  // namespace

LocalStore::Part LocalStore::ReadPart(Partition partition, std::string_view after,
                                      const ReceivedDots& known, size_t max_bytes,
                                      size_t max_records) {
  Part part;
  part.next = after;
  std::vector<std::string> nameless;  // a write would end the cursor
  const ActorTable& actors = vnodes_.ActorsOf(partition);
  const auto cursor = CursorOf(*engine_, partition);
  SeekBehind(*cursor, partition, after);
  const auto take = [&](std::string_view store_key) {
    if (IsAllReceived(container_.context, known)) return;
    const auto parts = DecodeStoreKey(store_key);
    RecordWriter(part.records).Append({parts->database, parts->key}, container_);
    ++part.count;
  };
  size_t looked_at = 0;
  for (; cursor->Valid() && IsOf(partition, cursor->key()); cursor->Next()) {
    if (looked_at >= max_records || part.records.size() >= max_bytes) break;
    ++looked_at;
    part.next = cursor->key();
    if (!DecodeAnyRecord(cursor->key(), cursor->value(), actors, container_)) continue;
    if (HasNoName(container_)) {
      nameless.emplace_back(cursor->key());
    } else {
      take(cursor->key());
    }
  }
  part.last = !cursor->Valid() || !IsOf(partition, cursor->key());
  for (const std::string& store_key : nameless) {
    store_key_ = store_key;
    const auto parts = DecodeStoreKey(store_key_);
    const Changing stored = FindToChange(parts->slot, 0);
    AdoptVersions(parts->slot);
    Store(parts->slot, parts->database, stored, 0);
    take(store_key);
  }
  return part;
}

std::optional<Partition> LocalStore::NextWithRecords(Partition from) {
  const auto cursor = engine_->NewCursor(Keyspace::kData);
  cursor->Seek(FirstOf(from));
  if (!cursor->Valid()) return std::nullopt;
  const auto parts = DecodeStoreKey(cursor->key());
  return parts ? std::optional(PartitionOf(parts->slot)) : std::nullopt;
}

LocalStore::Released LocalStore::Release(Partition partition, std::span<const OwnerReceived> owners,
                                         size_t limit, std::string& after, int64_t now_ms) {
  struct Record {
    std::string store_key;
    std::vector<NodeId> lacking;
    DotList dots;
  };
  Released released;
  std::vector<Record> records;  // gathered first: a change would end the cursor
  bool at_end = true;
  const ActorTable& actors = vnodes_.ActorsOf(partition);
  const auto cursor = CursorOf(*engine_, partition);
  SeekBehind(*cursor, partition, after);
  for (; cursor->Valid() && IsOf(partition, cursor->key()); cursor->Next()) {
    at_end = released.looked_at < limit;
    if (!at_end) break;
    ++released.looked_at;
    after = cursor->key();
    if (!DecodeAnyRecord(cursor->key(), cursor->value(), actors, container_)) continue;
    Record record{.store_key = std::string(cursor->key()), .lacking = {}, .dots = {}};
    for (const OwnerReceived& owner : owners) {
      if (HasNoName(container_) || !IsAllReceived(container_.context, owner.received)) {
        record.lacking.push_back(owner.owner);
      }
    }
    for (const Version& version : container_.versions) {
      if (version.dot != Dot{}) record.dots.push_back(version.dot);
    }
    records.push_back(std::move(record));
  }
  if (at_end) after.clear();
  for (const Record& record : records) {
    if (hints_.IsOwed(record.store_key)) continue;
    for (const NodeId owner : record.lacking) {
      hints_.Add(owner, record.store_key, record.dots, now_ms);
    }
    ++(record.lacking.empty() ? released.deleted : released.owed);
    if (!record.lacking.empty()) continue;
    store_key_ = record.store_key;
    const auto parts = DecodeStoreKey(store_key_);
    Remove(parts->database, FindToChange(parts->slot, 0));
  }
  return released;
}

}  // namespace cartwheel::cluster
