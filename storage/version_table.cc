#include "storage/version_table.h"

#include <iterator>
#include <utility>

namespace cartwheel::storage {
namespace {

using Version = VersionTable::Version;
using Tree = VersionTable::Tree;

// A tree node (four words), the index's node (four words and a bucket), their allocator headers.
constexpr uint64_t kKeyOverhead = sizeof(Tree::value_type) + (4 + 5 + 3) * sizeof(void*);
constexpr uint64_t kVersionOverhead = sizeof(Version) + 2 * sizeof(void*);

uint64_t Bytes(const Version& version) {
  return kVersionOverhead + (version.value ? version.value->size() : 0);
}

uint64_t KeyBytes(std::string_view key) {
  return kKeyOverhead + key.size();
}

const Version* At(const Version* version, uint64_t sequence) {
  while (version != nullptr && version->sequence > sequence) version = version->older.get();
  return version;
}

std::optional<std::string> Own(std::optional<std::string_view> value) {
  return value ? std::optional<std::string>(*value) : std::nullopt;
}

class TableCursor : public Cursor {
 public:
  TableCursor(const Tree& tree, uint64_t sequence)
      : tree_(tree), sequence_(sequence), at_(tree.end()) {}

  void Seek(std::string_view key) override {
    at_ = tree_.lower_bound(key);
    SkipInvisible();
  }
  void Next() override {
    ++at_;
    SkipInvisible();
  }
  bool Valid() const override { return at_ != tree_.end(); }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return *version_->value; }

 private:
  void SkipInvisible() {
    for (; at_ != tree_.end(); ++at_) {
      version_ = At(at_->second.get(), sequence_);
      if (version_ != nullptr && version_->value) return;
    }
  }

  const Tree& tree_;
  const uint64_t sequence_;
  Tree::const_iterator at_;
  const Version* version_ = nullptr;
};

}  // namespace

void VersionTable::Write(std::string_view key, std::optional<std::string_view> value,
                         uint64_t sequence, std::vector<Replaced>& replaced) {
  const auto found = index_.find(key);
  if (found != index_.end()) {
    Replace(found->second, value, sequence, replaced);
  } else if (value) {
    Insert(key, *value, sequence);
  }
}

void VersionTable::DeleteRange(std::string_view begin, std::string_view end, uint64_t sequence,
                               std::vector<Replaced>& replaced) {
  auto key = tree_.lower_bound(begin);
  while (key != tree_.end() && InRange(key->first, begin, end)) {
    key = Replace(key, std::nullopt, sequence, replaced);
  }
}

void VersionTable::Insert(std::string_view key, std::string_view value, uint64_t sequence) {
  auto version = std::make_unique<Version>(Version{sequence, std::string(value), nullptr});
  bytes_ += KeyBytes(key) + Bytes(*version);
  const auto inserted = tree_.emplace(key, std::move(version)).first;
  index_.emplace(inserted->first, inserted);
}

// Returns the key after this one.
VersionTable::Tree::iterator VersionTable::Replace(Tree::iterator key,
                                                   std::optional<std::string_view> value,
                                                   uint64_t sequence,
                                                   std::vector<Replaced>& replaced) {
  Version& newest = *key->second;
  if (!value && !newest.value) return std::next(key);
  if (newest.sequence == sequence) {
    if (!value && newest.older == nullptr) return Erase(key);
    bytes_ -= Bytes(newest);
    newest.value = Own(value);
    bytes_ += Bytes(newest);
    return std::next(key);
  }
  replaced.push_back({this, key, newest.sequence});
  key->second = std::make_unique<Version>(Version{sequence, Own(value), std::move(key->second)});
  bytes_ += Bytes(*key->second);
  return std::next(key);
}

void VersionTable::Drop(const Replaced& version) {
  std::unique_ptr<Version>* link = &version.key->second;
  while ((*link)->sequence != version.sequence) link = &(*link)->older;
  bytes_ -= Bytes(**link);
  *link = std::move((*link)->older);
  const Version& newest = *version.key->second;
  if (!newest.value && newest.older == nullptr) Erase(version.key);
}

VersionTable::Tree::iterator VersionTable::Erase(Tree::iterator key) {
  bytes_ -= KeyBytes(key->first) + Bytes(*key->second);
  index_.erase(key->first);
  return tree_.erase(key);
}

std::optional<std::string_view> VersionTable::Get(std::string_view key, uint64_t sequence) const {
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  const Version* version = At(found->second->second.get(), sequence);
  if (version == nullptr || !version->value) return std::nullopt;
  return *version->value;
}

std::unique_ptr<Cursor> VersionTable::NewCursor(uint64_t sequence) const {
  return std::make_unique<TableCursor>(tree_, sequence);
}

}  // namespace cartwheel::storage
