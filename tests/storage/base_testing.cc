#include "base_testing.h"

namespace cartwheel::storage {

PlanBuilder::~PlanBuilder() {
  for (FlushPlan::Changes& changes : plan_.changes) {
    for (const Entry* entry : changes.entries) Entry::Free(const_cast<Entry*>(entry));
  }
}

const FlushPlan& PlanBuilder::Build(LogPosition covered) {
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    if (!plan_.changes[i].entries.empty()) continue;
    for (const auto& [key, value] : changes_[i]) {
      plan_.changes[i].entries.push_back(Entry::New(key, value, ++sequence_));
    }
  }
  plan_.covered = covered;
  return plan_;
}

void PlanBuilder::ApplyTo(Model& model) const {
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    for (const auto& [begin, range] : plan_.changes[i].ranges.ranges()) {
      std::erase_if(model[i],
                    [&](const auto& record) { return InRange(record.first, begin, range.end); });
    }
    for (const auto& [key, value] : changes_[i]) {
      if (value) {
        model[i].insert_or_assign(key, *value);
      } else {
        model[i].erase(key);
      }
    }
  }
}

namespace {

std::string RandomKey(Random& random) {
  switch (random.Below(10)) {
    case 0: return std::string(400, 'c') + std::to_string(random.Below(20));
    case 1: return random.Below(2) == 0 ? CollidingKeys().first : CollidingKeys().second;
    default: return "key" + std::to_string(random.Below(3000));
  }
}

std::string RandomValue(Random& random) {
  const uint64_t kind = random.Below(40);
  const size_t size = kind == 0 ? 1000 + random.Below(20'000) : random.Below(300);
  return std::string(size, static_cast<char>('a' + random.Below(26)));
}

}  // namespace

void FillRandomly(Random& random, size_t changes, PlanBuilder& plan) {
  for (size_t i = 0; i < changes; ++i) {
    const auto keyspace = static_cast<Keyspace>(random.Below(kKeyspaceCount));
    if (random.Below(3) == 0) {
      plan.Delete(keyspace, RandomKey(random));
    } else {
      plan.Put(keyspace, RandomKey(random), RandomValue(random));
    }
  }
  for (uint64_t ranges = random.Below(4); ranges > 0; --ranges) {
    const auto keyspace = static_cast<Keyspace>(random.Below(kKeyspaceCount));
    const std::string begin = random.Below(8) == 0 ? "" : RandomKey(random);
    const std::string end = random.Below(8) == 0 ? "" : RandomKey(random);
    if (!IsEmptyRange(begin, end)) plan.DeleteRange(keyspace, begin, end);
  }
}

Model ReadAll(BaseStore& base) {
  Model model;
  std::optional<Error> failure;
  const auto reader = base.NewReader(failure);
  for (size_t i = 0; i < kKeyspaceCount; ++i) {
    const auto cursor = reader->NewCursor(static_cast<Keyspace>(i));
    for (cursor->Seek(""); cursor->Valid(); cursor->Next()) {
      model[i].emplace(cursor->key(), cursor->value());
    }
  }
  EXPECT_FALSE(failure.has_value()) << failure->message;
  return model;
}

}  // namespace cartwheel::storage
