#include "cluster/received_dots.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <roaring/roaring.h>

#include "cluster/encoding.h"
#include "cluster/varint.h"
#include "storage/check.h"
#include "storage/mutation.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kActorBytes = 8;

struct FreeBitmap {
  void operator()(roaring_bitmap_t* bitmap) const { roaring_bitmap_free(bitmap); }
};
using Bitmap = std::unique_ptr<roaring_bitmap_t, FreeBitmap>;

constexpr int kLowBits = 32;

uint32_t HighOf(uint64_t number) {
  return static_cast<uint32_t>(number >> kLowBits);
}
uint32_t LowOf(uint64_t number) {
  return static_cast<uint32_t>(number);
}

void AppendVarint(uint64_t number, std::string& out) {
  char bytes[kMaxVarintBytes];
  out.append(bytes, PutVarint(number, bytes));
}

std::optional<uint64_t> TakeVarint(std::string_view& in) {
  uint64_t number = 0;
  const char* const end = cluster::TakeVarint(in.data(), in.data() + in.size(), number);
  if (end == nullptr) return std::nullopt;
  in.remove_prefix(static_cast<size_t>(end - in.data()));
  return number;
}

}  // namespace

// This Roaring holds 32-bit numbers, so there is a bitmap for each value of the upper 32 bits: for
// most actors, ever, one. None is empty.
class ReceivedDots::Above {
 public:
  struct Run {
    uint64_t first = 0;
    uint64_t last = 0;
  };

  Above() = default;
  Above(const Above& other) {
    for (const auto& [high, bitmap] : other.bitmaps_) {
      bitmaps_.emplace(high, roaring_bitmap_copy(bitmap.get()));
    }
  }
  Above& operator=(const Above&) = delete;

  bool Has(uint64_t number) const {
    const auto found = bitmaps_.find(HighOf(number));
    return found != bitmaps_.end() && roaring_bitmap_contains(found->second.get(), LowOf(number));
  }
  bool HasAll(Run run) const {
    if (HighOf(run.first) != HighOf(run.last)) {
      const uint64_t next = (uint64_t{HighOf(run.first)} + 1) << kLowBits;
      return HasAll({run.first, next - 1}) && HasAll({next, run.last});
    }
    const auto found = bitmaps_.find(HighOf(run.first));
    return found != bitmaps_.end() &&
           roaring_bitmap_contains_range(found->second.get(), LowOf(run.first),
                                         uint64_t{LowOf(run.last)} + 1);
  }
  bool Add(uint64_t number) {
    return roaring_bitmap_add_checked(At(HighOf(number)), LowOf(number));
  }
  void Add(Run run) {
    while (HighOf(run.first) < HighOf(run.last)) {
      roaring_bitmap_add_range_closed(At(HighOf(run.first)), LowOf(run.first), UINT32_MAX);
      run.first = (uint64_t{HighOf(run.first)} + 1) << kLowBits;
    }
    roaring_bitmap_add_range_closed(At(HighOf(run.first)), LowOf(run.first), LowOf(run.last));
  }
  void Add(const Above& other) {
    for (const auto& [high, bitmap] : other.bitmaps_) {
      roaring_bitmap_or_inplace(At(high), bitmap.get());
    }
  }
  void RemoveUpTo(uint64_t number) {
    bitmaps_.erase(bitmaps_.begin(), bitmaps_.lower_bound(HighOf(number)));
    const auto first = bitmaps_.begin();
    if (first == bitmaps_.end() || first->first != HighOf(number)) return;
    roaring_bitmap_remove_range_closed(first->second.get(), 0, LowOf(number));
    if (roaring_bitmap_is_empty(first->second.get())) bitmaps_.erase(first);
  }

  // The last of the numbers after `number` that are all here; `number` itself if the next is not.
  // Steps double while they succeed: a gap may have held up millions.
  uint64_t LastAfter(uint64_t number) const {
    for (uint64_t step = 1; step > 0;) {
      if (HasAll({number + 1, number + step})) {
        number += step;
        step *= 2;
      } else {
        step /= 2;
      }
    }
    return number;
  }

  bool empty() const { return bitmaps_.empty(); }
  uint64_t Size() const {
    uint64_t size = 0;
    for (const auto& [high, bitmap] : bitmaps_)
      size += roaring_bitmap_get_cardinality(bitmap.get());
    return size;
  }
  uint64_t Highest() const {
    const auto& [high, bitmap] = *bitmaps_.rbegin();
    return uint64_t{high} << kLowBits | roaring_bitmap_maximum(bitmap.get());
  }
  std::vector<Run> Runs() const {
    std::vector<Run> runs;
    for (const auto& [high, bitmap] : bitmaps_) {
      roaring_iterate64(bitmap.get(), AppendTo, uint64_t{high} << kLowBits, &runs);
    }
    return runs;
  }
  bool operator==(const Above& other) const {
    return std::ranges::equal(bitmaps_, other.bitmaps_, [](const auto& a, const auto& b) {
      return a.first == b.first && roaring_bitmap_equals(a.second.get(), b.second.get());
    });
  }

 private:
  roaring_bitmap_t* At(uint32_t high) {
    Bitmap& bitmap = bitmaps_[high];
    if (bitmap == nullptr) bitmap.reset(roaring_bitmap_create());
    return bitmap.get();
  }
  static bool AppendTo(uint64_t number, void* to) {
    auto& runs = *static_cast<std::vector<Run>*>(to);
    if (!runs.empty() && runs.back().last + 1 == number) {
      runs.back().last = number;
    } else {
      runs.push_back({number, number});
    }
    return true;
  }

  std::map<uint32_t, Bitmap> bitmaps_;
};

ReceivedDots::ReceivedDots() = default;
ReceivedDots::~ReceivedDots() = default;
ReceivedDots::ReceivedDots(ReceivedDots&&) noexcept = default;
ReceivedDots& ReceivedDots::operator=(ReceivedDots&&) noexcept = default;

ReceivedDots::ReceivedDots(const ReceivedDots& other) {
  for (const auto& [actor, from] : other.of_actor_) {
    OfActor& of_actor = of_actor_[actor];
    of_actor.base = from.base;
    if (from.above) of_actor.above = std::make_unique<Above>(*from.above);
  }
}

ReceivedDots& ReceivedDots::operator=(const ReceivedDots& other) {
  return *this = ReceivedDots(other);
}

bool ReceivedDots::Has(Dot dot) const {
  const auto found = of_actor_.find(dot.actor);
  if (found == of_actor_.end()) return false;
  const OfActor& of_actor = found->second;
  return dot.number <= of_actor.base || (of_actor.above && of_actor.above->Has(dot.number));
}

bool ReceivedDots::HasAll(ActorId actor, uint64_t first, uint64_t last) const {
  if (IsPlanted(Mutation::kCountsHighestAsAll)) return HighestOf(actor) >= last;
  const auto found = of_actor_.find(actor);
  if (found == of_actor_.end()) return false;
  const OfActor& of_actor = found->second;
  if (last <= of_actor.base) return true;
  return of_actor.above && of_actor.above->HasAll({std::max(first, of_actor.base + 1), last});
}

bool ReceivedDots::Add(Dot dot) {
  storage::Check(dot.number != 0 && dot.number <= kMaxDotNumber, "a dot's number is in its bounds");
  OfActor& of_actor = of_actor_[dot.actor];
  if (dot.number <= of_actor.base) return false;
  if (dot.number == of_actor.base + 1) {
    ++of_actor.base;
    if (of_actor.above) [[unlikely]]
      Raise(of_actor, of_actor.base);
    return true;
  }
  if (!of_actor.above) of_actor.above = std::make_unique<Above>();
  return of_actor.above->Add(dot.number);
}

// Keeps what `above` promises, too.
void ReceivedDots::Raise(OfActor& of_actor, uint64_t number) {
  of_actor.base = std::max(of_actor.base, number);
  if (!of_actor.above) return;
  of_actor.base = of_actor.above->LastAfter(of_actor.base);
  of_actor.above->RemoveUpTo(of_actor.base);
  if (of_actor.above->empty()) of_actor.above.reset();
}

void ReceivedDots::RaiseBase(ActorId actor, uint64_t number) {
  storage::Check(number <= kMaxDotNumber, "a dot's number is in its bounds");
  if (number != 0) Raise(of_actor_[actor], number);
}

void ReceivedDots::Join(const ReceivedDots& other) {
  if (this == &other) return;
  for (const auto& [actor, theirs] : other.of_actor_) {
    OfActor& of_actor = of_actor_[actor];
    if (theirs.above) {
      if (!of_actor.above) of_actor.above = std::make_unique<Above>();
      of_actor.above->Add(*theirs.above);
    }
    Raise(of_actor, theirs.base);
  }
}

bool ReceivedDots::Includes(const ReceivedDots& other) const {
  ReceivedDots both = *this;
  both.Join(other);
  return std::ranges::all_of(other.of_actor_,
                             [&](const auto& entry) { return IsSameOf(entry.first, both); });
}

uint64_t ReceivedDots::BaseOf(ActorId actor) const {
  const auto found = of_actor_.find(actor);
  return found == of_actor_.end() ? 0 : found->second.base;
}

uint64_t ReceivedDots::HighestOf(ActorId actor) const {
  const auto found = of_actor_.find(actor);
  if (found == of_actor_.end()) return 0;
  return found->second.above ? found->second.above->Highest() : found->second.base;
}

uint64_t ReceivedDots::missing() const {
  uint64_t missing = 0;
  for (const auto& [actor, of_actor] : of_actor_) {
    if (!of_actor.above) continue;
    missing += of_actor.above->Highest() - of_actor.base - of_actor.above->Size();
  }
  return missing;
}

std::vector<ActorId> ReceivedDots::actors() const {
  std::vector<ActorId> actors;
  actors.reserve(of_actor_.size());
  for (const auto& [actor, of_actor] : of_actor_) actors.push_back(actor);
  return actors;
}

void ReceivedDots::EncodeTo(std::string& out) const {
  out.push_back(static_cast<char>(kFormat));
  AppendVarint(of_actor_.size(), out);
  for (const auto& [actor, of_actor] : of_actor_) {
    char id[kActorBytes];
    StoreLittle<kActorBytes>(static_cast<uint64_t>(actor), id);
    out.append(id, kActorBytes);
    AppendVarint(of_actor.base, out);
    const auto runs = of_actor.above ? of_actor.above->Runs() : std::vector<Above::Run>();
    AppendVarint(runs.size(), out);
    uint64_t before = of_actor.base;
    for (const Above::Run& run : runs) {
      AppendVarint(run.first - before, out);
      AppendVarint(run.last - run.first, out);
      before = run.last;
    }
  }
}

// `room`: for numbers above the base; less by what is taken.
bool ReceivedDots::TakeActor(std::string_view& in, OfActor& of_actor, uint64_t& room) {
  const auto base = TakeVarint(in);
  const auto runs = TakeVarint(in);
  if (!base || !runs || *base > kMaxDotNumber || (*base == 0 && *runs == 0)) return false;
  of_actor.base = *base;
  if (*runs > 0) of_actor.above = std::make_unique<Above>();
  uint64_t before = *base;
  for (uint64_t i = 0; i < *runs; ++i) {
    const auto distance = TakeVarint(in);
    const auto more = TakeVarint(in);
    // Nearer, it would belong to the run before it, or to the base.
    if (!distance || !more || *distance < 2 || *distance > kMaxDotNumber - before) return false;
    const uint64_t first = before + *distance;
    if (*more > kMaxDotNumber - first || *more >= room) return false;
    room -= *more + 1;
    before = first + *more;
    of_actor.above->Add({first, before});
  }
  return true;
}

bool ReceivedDots::TakeFrom(std::string_view& in, ReceivedDots& out) {
  std::string_view rest = in;
  if (rest.empty() || static_cast<uint8_t>(rest[0]) != kFormat) return false;
  rest.remove_prefix(1);
  const auto actors = TakeVarint(rest);
  if (!actors) return false;
  ReceivedDots taken;
  ActorId before{};
  uint64_t room = kMaxAboveBases;
  for (uint64_t i = 0; i < *actors; ++i) {
    if (rest.size() < kActorBytes) return false;
    const ActorId actor{LoadLittle<kActorBytes>(rest.data())};
    rest.remove_prefix(kActorBytes);
    if (actor <= before || !TakeActor(rest, taken.of_actor_[actor], room)) return false;
    before = actor;
  }
  out = std::move(taken);
  in = rest;
  return true;
}

bool ReceivedDots::OfActor::operator==(const OfActor& other) const {
  if (base != other.base || !above != !other.above) return false;
  return !above || *above == *other.above;
}

bool ReceivedDots::IsSameOf(ActorId actor, const ReceivedDots& other) const {
  const auto here = of_actor_.find(actor);
  const auto there = other.of_actor_.find(actor);
  if (here == of_actor_.end() || there == other.of_actor_.end()) {
    return HighestOf(actor) == other.HighestOf(actor);
  }
  return here->second == there->second;
}

bool ReceivedDots::operator==(const ReceivedDots& other) const {
  return std::ranges::equal(of_actor_, other.of_actor_, [](const auto& a, const auto& b) {
    return a.first == b.first && a.second == b.second;
  });
}

}  // namespace cartwheel::cluster
