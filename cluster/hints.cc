#include "cluster/hints.h"

#include <algorithm>
#include <utility>

#include "cluster/encoding.h"
#include "cluster/record_checksum.h"
#include "cluster/varint.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

using storage::Keyspace;

constexpr uint8_t kFormat = 1;
constexpr size_t kTargetBytes = 8;
constexpr size_t kHeaderBytes = 1 + 8 + 8;
constexpr int64_t kMinuteMs = 60'000;

template <size_t kBytes>
void AppendLittle(uint64_t number, std::string& out) {
  char bytes[kBytes];
  StoreLittle<kBytes>(number, bytes);
  out.append(bytes, kBytes);
}

void AppendVarint(uint64_t number, std::string& out) {
  char bytes[kMaxVarintBytes];
  out.append(bytes, PutVarint(number, bytes));
}

void EncodeHint(std::string_view key, const Hint& hint, std::string& out) {
  out.assign(1, static_cast<char>(kFormat));
  AppendLittle<8>(static_cast<uint64_t>(hint.since_ms), out);
  AppendLittle<8>(hint.revision, out);
  AppendVarint(hint.dots.size(), out);
  for (const Dot& dot : hint.dots) {
    AppendLittle<8>(static_cast<uint64_t>(dot.actor), out);
    AppendVarint(dot.number, out);
  }
  AppendLittle<kChecksumBytes>(RecordChecksum(key, out), out);
}

// Nothing but dots to the end.
bool TakeDots(const char* at, const char* end, DotList& dots) {
  uint64_t count = 0;
  at = TakeVarint(at, end, count);
  for (; at != nullptr && count > 0; --count) {
    if (end - at < 8) return false;
    Dot dot{ActorId{LoadLittle<8>(at)}, 0};
    at = TakeVarint(at + 8, end, dot.number);
    dots.push_back(dot);
  }
  return at == end;
}

bool Has(const DotList& dots, Dot dot) {
  return std::ranges::find(dots, dot) != dots.end();
}

NodeId TargetIn(std::string_view key) {
  return NodeId{LoadBig<kTargetBytes>(key.data())};
}

// What a damaged entry still says by its key.
Hint Unreadable(std::string_view key) {
  return {.target = TargetIn(key), .store_key = std::string(key.substr(kTargetBytes)), .dots = {}};
}

Hint HintIn(std::string_view key, std::string_view value) {
  auto hint = DecodeHint(key, value);
  return hint ? *std::move(hint) : Unreadable(key);
}

}  // namespace

std::optional<Hint> DecodeHint(std::string_view key, std::string_view value) {
  if (key.size() <= kTargetBytes || value.size() < kHeaderBytes + kChecksumBytes) {
    return std::nullopt;
  }
  const std::string_view covered = value.substr(0, value.size() - kChecksumBytes);
  const char* const end = covered.data() + covered.size();
  if (static_cast<uint8_t>(covered[0]) != kFormat ||
      LoadLittle<kChecksumBytes>(end) != RecordChecksum(key, covered)) {
    return std::nullopt;
  }
  Hint hint = Unreadable(key);
  hint.since_ms = static_cast<int64_t>(LoadLittle<8>(covered.data() + 1));
  hint.revision = LoadLittle<8>(covered.data() + 9);
  if (!TakeDots(covered.data() + kHeaderBytes, end, hint.dots)) return std::nullopt;
  return hint;
}

// ---- the start

Hints::Hints(storage::Engine& engine) : engine_(&engine) {
  if (IsPlanted(Mutation::kForgetsHints)) return;
  const auto cursor = engine_->NewCursor(Keyspace::kHints);
  for (cursor->Seek({}); cursor->Valid(); cursor->Next()) {
    if (cursor->key().size() <= kTargetBytes) continue;
    const Hint hint = HintIn(cursor->key(), cursor->value());
    next_revision_ = std::max(next_revision_, hint.revision + 1);
    Adjust({hint.target, hint.since_ms / kMinuteMs, true});
  }
}

// ---- a turn

std::string_view Hints::KeyOf(NodeId target, std::string_view store_key) {
  key_.resize(kTargetBytes);
  StoreBig<kTargetBytes>(static_cast<uint64_t>(target), key_.data());
  key_.append(store_key);
  return key_;
}

std::optional<Hint> Hints::Read(NodeId target, std::string_view store_key) {
  const std::string_view key = KeyOf(target, store_key);
  const auto value = engine_->Get(Keyspace::kHints, key);
  if (!value) return std::nullopt;
  return HintIn(key, *value);
}

void Hints::Put(const Hint& hint) {
  const std::string_view key = KeyOf(hint.target, hint.store_key);
  EncodeHint(key, hint, value_);
  engine_->Put(Keyspace::kHints, key, value_);
}

void Hints::Add(NodeId target, std::string_view store_key, std::span<const Dot> dots,
                int64_t now_ms) {
  std::optional<Hint> hint = Read(target, store_key);
  if (!hint) {
    hint =
        Hint{.target = target, .store_key = std::string(store_key), .since_ms = now_ms, .dots = {}};
    Count(target, now_ms, true);
  }
  for (const Dot& dot : dots) {
    if (!Has(hint->dots, dot)) hint->dots.push_back(dot);
  }
  if (hint->dots.size() > kMaxDots) {
    hint->dots.erase(hint->dots.begin(), hint->dots.end() - kMaxDots);
  }
  hint->revision = next_revision_++;
  Put(*hint);
}

std::vector<Hint> Hints::Next(NodeId target, std::string_view after, size_t max) {
  std::vector<Hint> hints;
  if (!minutes_.contains(target)) return hints;
  const auto cursor = engine_->NewCursor(Keyspace::kHints);
  cursor->Seek(KeyOf(target, after));
  if (!after.empty() && cursor->Valid() && cursor->key() == key_) cursor->Next();
  for (; cursor->Valid() && hints.size() < max; cursor->Next()) {
    if (cursor->key().size() <= kTargetBytes) continue;
    if (TargetIn(cursor->key()) != target) break;
    hints.push_back(HintIn(cursor->key(), cursor->value()));
  }
  return hints;
}

bool Hints::Done(const Hint& delivered) {
  std::optional<Hint> hint = Read(delivered.target, delivered.store_key);
  if (!hint) return true;
  if (hint->revision == delivered.revision || IsPlanted(Mutation::kDropsNewerHints)) {
    engine_->Delete(Keyspace::kHints, KeyOf(delivered.target, delivered.store_key));
    Count(delivered.target, hint->since_ms, false);
    return true;
  }
  const auto gone = std::remove_if(hint->dots.begin(), hint->dots.end(),
                                   [&](const Dot& dot) { return Has(delivered.dots, dot); });
  hint->dots.erase(gone, hint->dots.end());
  Put(*hint);
  return false;
}

void Hints::Drop(NodeId target, std::string_view store_key) {
  if (!minutes_.contains(target)) return;
  const std::optional<Hint> hint = Read(target, store_key);
  if (!hint) return;
  engine_->Delete(Keyspace::kHints, KeyOf(target, store_key));
  Count(target, hint->since_ms, false);
}

// Every target's is asked for, as those of former owners count too. They are few.
bool Hints::IsOwed(std::string_view store_key) {
  return std::ranges::any_of(minutes_, [&](const auto& of_target) {
    return engine_->Get(Keyspace::kHints, KeyOf(of_target.first, store_key)).has_value();
  });
}

void Hints::Clear() {
  if (minutes_.empty()) return;
  engine_->DeleteRange(Keyspace::kHints, {}, {});
  if (!before_clear_) {
    UndoChanges();
    before_clear_ = std::move(minutes_);
  }
  changes_.clear();
  minutes_.clear();
}

// ---- what is counted

void Hints::Count(NodeId target, int64_t since_ms, bool added) {
  const Change change{target, since_ms / kMinuteMs, added};
  Adjust(change);
  changes_.push_back(change);
}

void Hints::Adjust(const Change& change) {
  if (change.added) {
    ++minutes_[change.target][change.minute];
    return;
  }
  const auto of_target = minutes_.find(change.target);
  if (of_target == minutes_.end()) return;
  Minutes& minutes = of_target->second;
  auto at = minutes.find(change.minute);
  if (at == minutes.end()) at = minutes.begin();  // it was damaged since it was counted
  if (--at->second == 0) minutes.erase(at);
  if (minutes.empty()) minutes_.erase(of_target);
}

void Hints::UndoChanges() {
  std::ranges::reverse(changes_);
  for (const Change& change : changes_) Adjust({change.target, change.minute, !change.added});
}

std::map<NodeId, Hints::Waiting> Hints::waiting() const {
  std::map<NodeId, Waiting> waiting;
  for (const auto& [target, minutes] : minutes_) {
    Waiting& of_target = waiting[target];
    of_target.oldest_ms = minutes.begin()->first * kMinuteMs;
    for (const auto& [minute, hints] : minutes) of_target.hints += hints;
  }
  return waiting;
}

void Hints::Settle(bool committed) {
  if (!committed) {
    if (before_clear_) {
      minutes_ = *std::move(before_clear_);
    } else {
      UndoChanges();
    }
  }
  changes_.clear();
  before_clear_.reset();
}

}  // namespace cartwheel::cluster
