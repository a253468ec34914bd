// What the tests of layers and of what stands on them share: entries with an owner, a map as a
// cursor, and a layer beside its model.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/engine.h"
#include "storage/key_order.h"
#include "storage/layer.h"
#include "storage_testing.h"

namespace cartwheel::storage {

using Records = std::map<std::string, std::string, KeyOrder>;

// Entries that live as long as this, with ascending sequences.
class EntryOwner {
 public:
  Entry* New(std::string_view key, std::optional<std::string_view> value = "") {
    owned_.emplace_back(Entry::New(key, value, ++sequence_));
    return owned_.back().get();
  }
  uint64_t NextSequence() { return ++sequence_; }

 private:
  struct Freed {
    void operator()(Entry* entry) const { Entry::Free(entry); }
  };
  std::vector<std::unique_ptr<Entry, Freed>> owned_;
  uint64_t sequence_ = 0;
};

class MapCursor : public Cursor {
 public:
  explicit MapCursor(const Records& records) : records_(records), at_(records.end()) {}
  void Seek(std::string_view key) override { at_ = records_.lower_bound(key); }
  void Next() override { ++at_; }
  bool Valid() const override { return at_ != records_.end(); }
  std::string_view key() const override { return at_->first; }
  std::string_view value() const override { return at_->second; }

 private:
  const Records& records_;
  Records::const_iterator at_;
};

inline Contents From(const Records& records, std::string_view from) {
  return {records.lower_bound(from), records.end()};
}

// Writes into a layer as the memory table does, and into a map of what the layer says of each key:
// a value, or nothing for a deleted one. Keys that neither an entry nor a range names are not
// there.
class ModelledLayer {
 public:
  using Model = std::map<std::string, std::optional<std::string>, KeyOrder>;

  ModelledLayer(EntryOwner& entries, const std::vector<std::string>& keys)
      : owner_(entries), keys_(keys) {}

  void Write(const std::string& key, const std::optional<std::string>& value) {
    Entry* entry = owner_.New(key, value);
    Entry*& place = newest_[key];
    if (place == nullptr) {
      layer_.Add(entry);
    } else {
      layer_.Replace(*place, entry);
    }
    place = entry;
    model_[key] = value;
    own_[key] = value;
  }
  void DeleteRange(const std::string& begin, const std::string& end) {
    layer_.DeleteRange(begin, end, owner_.NextSequence());
    std::erase_if(own_, [&](const auto& entry) { return InRange(entry.first, begin, end); });
    for (const std::string& key : keys_) {
      if (InRange(key, begin, end)) model_[key] = std::nullopt;
    }
  }
  void WriteRandomly(Random& random, int writes) {
    for (int i = 0; i < writes; ++i) {
      const std::string& key = keys_[random.Below(keys_.size())];
      const uint64_t dice = random.Below(20);
      if (dice == 0) {
        DeleteRange(key, random.Below(6) == 0 ? "" : keys_[random.Below(keys_.size())]);
      } else if (dice < 6) {
        Write(key, std::nullopt);
      } else {
        Write(key, "value" + std::to_string(random.Next()));
      }
    }
  }
  void ApplyTo(Records& records) const {
    for (const auto& [key, value] : model_) {
      if (value) {
        records.insert_or_assign(key, *value);
      } else {
        records.erase(key);
      }
    }
  }

  Layer& layer() { return layer_; }
  const Model& model() const { return model_; }
  const Model& own() const { return own_; }  // by entries that no range hides

 private:
  EntryOwner& owner_;
  const std::vector<std::string>& keys_;
  Layer layer_;
  std::map<std::string, Entry*> newest_;
  Model model_;
  Model own_;
};

}  // namespace cartwheel::storage
