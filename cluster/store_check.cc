#include "cluster/store_check.h"

#include <algorithm>
#include <iterator>

#include <xxhash.h>

#include "cluster/any_record.h"
#include "cluster/expiry_index.h"
#include "cluster/hints.h"
#include "cluster/identity.h"
#include "cluster/shown_value.h"
#include "cluster/store_key.h"
#include "cluster/vnodes.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

constexpr std::string_view kCountsKey = "counts";
constexpr size_t kShownKeyBytes = 100;

uint64_t HashOf(ExpireAt expire_at, std::string_view store_key) {
  return XXH3_64bits_withSeed(store_key.data(), store_key.size(),
                              static_cast<XXH64_hash_t>(expire_at));
}

// As it can stand on a terminal.
std::string Shown(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : bytes.substr(0, kShownKeyBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  out += bytes.size() > kShownKeyBytes ? "\"..." : "\"";
  return out;
}

std::string Place(std::string_view store_key) {
  const auto parts = DecodeStoreKey(store_key);
  if (!parts) return "bytes that are no key, " + Shown(store_key);
  return "database " + std::to_string(parts->database) + ", key " + Shown(parts->key);
}

// A key that stands under another key's place cannot be found.
bool IsOwnStoreKey(std::string_view store_key, const StoreKeyParts& parts) {
  std::string encoded;
  EncodeStoreKey({parts.database, parts.key}, encoded);
  return encoded == store_key;
}

std::string Numbers(const Counts& counts) {
  return std::to_string(counts.keys) + " keys, " + std::to_string(counts.expires) + " that expire";
}

}  // namespace

void StoreCheck::Learn(Keyspace keyspace, std::string_view key, std::string_view value) {
  if (keyspace != Keyspace::kMeta) return;
  auto entry = ReadActorsEntry(key, value);
  if (!entry) return;
  if (entry->damaged) {
    ++damaged_;
    return Say("damaged: partition " + std::to_string(entry->partition) +
               ": what its writes are numbered by");
  }
  ActorTable& known = actors_[entry->partition];
  if (entry->actors.size() > known.size()) known = std::move(entry->actors);
}

std::expected<ExpireAt, ContainerFault> StoreCheck::GoneAtOf(std::string_view store_key,
                                                             std::string_view record) {
  const auto parts = DecodeStoreKey(store_key);
  const auto decoded =
      DecodeAnyRecord(store_key, record, actors_[PartitionOf(parts->slot)], container_);
  if (!decoded) return std::unexpected(decoded.error());
  return GoneAt(container_);
}

void StoreCheck::Visit(Keyspace keyspace, std::string_view key, std::string_view value) {
  switch (keyspace) {
    case Keyspace::kData: return VisitRecord(key, value);
    case Keyspace::kExpiry: return VisitEntry(key);
    case Keyspace::kMeta: return VisitMeta(key, value);
    case Keyspace::kHints: return VisitHint(key, value);
  }
}

void StoreCheck::VisitRecord(std::string_view key, std::string_view value) {
  const auto parts = DecodeStoreKey(key);
  if (!parts || !IsOwnStoreKey(key, *parts)) {
    ++foreign_;
    return Say("damaged: " + Place(key) + ": not where this key belongs");
  }
  const auto gone_at = GoneAtOf(key, value);
  if (!gone_at || !container_.IsDeleted()) ++found_[parts->database].keys;
  if (!gone_at) {
    ++damaged_;
    return Say("damaged: " + Place(key) + ": " + std::string(Describe(gone_at.error())));
  }
  if (*gone_at != kNoExpiry) expected_.push_back(HashOf(*gone_at, key));
}

void StoreCheck::VisitEntry(std::string_view bytes) {
  const ExpiryEntry entry = ExpiryEntry::Decode(bytes);
  if (const auto parts = DecodeStoreKey(entry.store_key)) ++found_[parts->database].expires;
  indexed_.push_back(HashOf(entry.expire_at, entry.store_key));
}

void StoreCheck::VisitMeta(std::string_view key, std::string_view value) {
  if (key == kIdentityKey && !DecodeIdentity(value)) {
    ++damaged_;
    return Say("damaged: the identity that context tokens are bound to");
  }
  if (key != kCountsKey) return;
  has_counts_ = true;
  const auto counts = DecodeCounts(value);
  counts_readable_ = counts.has_value();
  if (counts) stored_ = *counts;
}

void StoreCheck::VisitHint(std::string_view key, std::string_view value) {
  ++hints_;
  if (DecodeHint(key, value)) return;
  ++damaged_;
  Say("damaged: what another node is owed, " + Shown(key));
}

void StoreCheck::Compare() {
  std::ranges::sort(expected_);
  std::ranges::sort(indexed_);
  std::ranges::set_difference(expected_, indexed_, std::back_inserter(unindexed_));
  std::ranges::set_difference(indexed_, expected_, std::back_inserter(stale_));
  const bool empty = found_ == DatabaseCounts{};
  if (!counts_readable_ || (!has_counts_ && !empty)) {
    counts_agree_ = false;
    return Say(std::string("damaged: the counts of keys ") +
               (has_counts_ ? "cannot be read" : "are missing"));
  }
  for (Database database = 0; database < kMaxDatabases; ++database) {
    if (stored_[database] == found_[database]) continue;
    counts_agree_ = false;
    Say("wrong count: database " + std::to_string(database) + " has " + Numbers(found_[database]) +
        "; counted were " + Numbers(stored_[database]));
  }
}

void StoreCheck::Name(Keyspace keyspace, std::string_view key, std::string_view value) {
  if (keyspace == Keyspace::kData) {
    if (!DecodeStoreKey(key)) return;
    const auto gone_at = GoneAtOf(key, value);
    if (!gone_at || *gone_at == kNoExpiry) return;
    if (!std::ranges::binary_search(unindexed_, HashOf(*gone_at, key))) return;
    Say("not in the expiry index: " + Place(key));
  } else if (keyspace == Keyspace::kExpiry) {
    const ExpiryEntry entry = ExpiryEntry::Decode(key);
    if (!std::ranges::binary_search(stale_, HashOf(entry.expire_at, entry.store_key))) return;
    Say("harmless: the expiry index has an entry without its record: " + Place(entry.store_key));
  }
}

void StoreCheck::Say(std::string line) {
  if (lines_.size() < kMaxLines) {
    lines_.push_back(std::move(line));
  } else {
    ++lines_left_out_;
  }
}

}  // namespace cartwheel::cluster
