#include "cluster/actor_table.h"

#include <utility>

#include "cluster/encoding.h"
#include "storage/check.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kHeaderBytes = 1 + 4;
constexpr size_t kActorBytes = 8;

}  // namespace

uint32_t ActorTable::Append(ActorId actor) {
  storage::Check(actor != ActorId{}, "0 names no actor");
  actors_.push_back(actor);
  return static_cast<uint32_t>(actors_.size() - 1);
}

void ActorTable::EncodeTo(std::string& out) const {
  char bytes[kActorBytes];
  out.push_back(static_cast<char>(kFormat));
  StoreLittle<4>(actors_.size(), bytes);
  out.append(bytes, 4);
  for (const ActorId actor : actors_) {
    StoreLittle<kActorBytes>(static_cast<uint64_t>(actor), bytes);
    out.append(bytes, kActorBytes);
  }
}

bool ActorTable::TakeFrom(std::string_view& in, ActorTable& out) {
  if (in.size() < kHeaderBytes || static_cast<uint8_t>(in[0]) != kFormat) return false;
  const uint64_t count = LoadLittle<4>(in.data() + 1);
  if ((in.size() - kHeaderBytes) / kActorBytes < count) return false;
  ActorTable table;
  for (uint64_t i = 0; i < count; ++i) {
    const ActorId actor{LoadLittle<kActorBytes>(in.data() + kHeaderBytes + i * kActorBytes)};
    if (actor == ActorId{} || table.NumberOf(actor) != i)
      return false;  // twice: the number differs
  }
  out = std::move(table);
  in.remove_prefix(kHeaderBytes + count * kActorBytes);
  return true;
}

}  // namespace cartwheel::cluster
