#include "cluster/vnode_codec.h"

#include <optional>
#include <utility>

#include "cluster/encoding.h"
#include "cluster/record_checksum.h"
#include "cluster/varint.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kVnodeFormat = 2;
constexpr uint8_t kFormatWithoutFlags = 1;
constexpr uint8_t kActorsFormat = 1;
constexpr uint8_t kRebuilding = 1;
constexpr size_t kActorBytes = 8;

void AppendVarint(uint64_t number, std::string& out) {
  char bytes[kMaxVarintBytes];
  out.append(bytes, PutVarint(number, bytes));
}

void AppendActor(ActorId actor, std::string& out) {
  char bytes[kActorBytes];
  StoreLittle<kActorBytes>(static_cast<uint64_t>(actor), bytes);
  out.append(bytes, kActorBytes);
}

void Seal(std::string_view key, std::string& out) {
  char bytes[kChecksumBytes];
  StoreLittle<kChecksumBytes>(RecordChecksum(key, out), bytes);
  out.append(bytes, kChecksumBytes);
}

uint8_t FormatOf(std::string_view bytes) {
  return bytes.empty() ? 0 : static_cast<uint8_t>(bytes[0]);
}

// What the checksum covers, behind the format; nullopt when it is wrong.
std::optional<std::string_view> Unseal(std::string_view key, std::string_view bytes) {
  if (bytes.size() <= kChecksumBytes) return std::nullopt;
  const std::string_view covered = bytes.substr(0, bytes.size() - kChecksumBytes);
  const uint64_t stored = LoadLittle<kChecksumBytes>(covered.data() + covered.size());
  if (stored != RecordChecksum(key, covered)) return std::nullopt;
  return covered.substr(1);
}

bool TakeNumber(std::string_view& in, uint64_t& number) {
  const char* const end = TakeVarint(in.data(), in.data() + in.size(), number);
  if (end == nullptr) return false;
  in.remove_prefix(static_cast<size_t>(end - in.data()));
  return true;
}

bool TakeActor(std::string_view& in, ActorId& actor) {
  if (in.size() < kActorBytes) return false;
  actor = ActorId{LoadLittle<kActorBytes>(in.data())};
  in.remove_prefix(kActorBytes);
  return true;
}

bool TakeFlushed(std::string_view& in, FlushMap& flushed) {
  uint64_t count = 0;
  if (!TakeNumber(in, count)) return false;
  for (; count > 0; --count) {
    ActorId actor{};
    uint64_t number = 0;
    if (!TakeActor(in, actor) || !TakeNumber(in, number)) return false;
    if (!flushed.emplace(actor, number).second) return false;
  }
  return true;
}

bool TakeFlags(std::string_view& in, Vnode& vnode) {
  if (in.empty() || static_cast<uint8_t>(in[0]) > kRebuilding) return false;
  vnode.rebuilding = in[0] == kRebuilding;
  in.remove_prefix(1);
  return true;
}

}  // namespace

void EncodeVnode(std::string_view key, const Vnode& vnode, std::string& out) {
  out.assign(1, static_cast<char>(kVnodeFormat));
  AppendActor(vnode.actor, out);
  AppendVarint(vnode.counter, out);
  vnode.actors.EncodeTo(out);
  vnode.received.EncodeTo(out);
  AppendVarint(vnode.flushed.size(), out);
  for (const auto& [actor, number] : vnode.flushed) {
    AppendActor(actor, out);
    AppendVarint(number, out);
  }
  out.push_back(static_cast<char>(vnode.rebuilding ? kRebuilding : 0));
  Seal(key, out);
}

void EncodeActors(std::string_view key, const ActorTable& actors, std::string& out) {
  out.assign(1, static_cast<char>(kActorsFormat));
  actors.EncodeTo(out);
  Seal(key, out);
}

bool DecodeVnode(std::string_view key, std::string_view bytes, Vnode& out) {
  const uint8_t format = FormatOf(bytes);
  if (format != kVnodeFormat && format != kFormatWithoutFlags) return false;
  auto in = Unseal(key, bytes);
  Vnode vnode;
  const bool good = in && TakeActor(*in, vnode.actor) && TakeNumber(*in, vnode.counter) &&
                    ActorTable::TakeFrom(*in, vnode.actors) &&
                    ReceivedDots::TakeFrom(*in, vnode.received) &&
                    TakeFlushed(*in, vnode.flushed) &&
                    (format == kFormatWithoutFlags || TakeFlags(*in, vnode)) && in->empty();
  if (good) out = std::move(vnode);
  return good;
}

bool DecodeActors(std::string_view key, std::string_view bytes, ActorTable& out) {
  if (FormatOf(bytes) != kActorsFormat) return false;
  auto in = Unseal(key, bytes);
  ActorTable actors;
  const bool good = in && ActorTable::TakeFrom(*in, actors) && in->empty();
  if (good) out = std::move(actors);
  return good;
}

}  // namespace cartwheel::cluster
