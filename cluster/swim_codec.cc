#include "cluster/swim_codec.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "cluster/encoding.h"
#include "cluster/mac.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kMacBytes = 16;  // kept of the 32
constexpr size_t kClusterAt = 1;
// Format, cluster, from, boot nonce, epoch, type; the number of rumors; the MAC.
constexpr size_t kLeastBytes = 1 + 4 * 8 + 1 + 2 + kMacBytes;
// So that one can always be added.
constexpr uint64_t kMaxIncarnation = uint64_t{1} << 62;

enum class Type : uint8_t {
  kPing = 1,
  kAck = 2,
  kPingRequest = 3,
  kNack = 4,
  kGossip = 5,
  kPushPull = 6,
};

template <size_t kBytes>
void Append(uint64_t number, std::string& out) {
  char bytes[kBytes];
  StoreLittle<kBytes>(number, bytes);
  out.append(bytes, kBytes);
}

void AppendBody(const SwimPing& ping, std::string& out) {
  Append<1>(static_cast<uint64_t>(Type::kPing), out);
  Append<8>(ping.sequence, out);
  Append<8>(static_cast<uint64_t>(ping.target), out);
}
void AppendBody(const SwimAck& ack, std::string& out) {
  Append<1>(static_cast<uint64_t>(Type::kAck), out);
  Append<8>(ack.sequence, out);
}
void AppendBody(const SwimPingRequest& request, std::string& out) {
  Append<1>(static_cast<uint64_t>(Type::kPingRequest), out);
  Append<8>(request.sequence, out);
  Append<8>(static_cast<uint64_t>(request.target), out);
}
void AppendBody(const SwimNack& nack, std::string& out) {
  Append<1>(static_cast<uint64_t>(Type::kNack), out);
  Append<8>(nack.sequence, out);
}
void AppendBody(const SwimGossip&, std::string& out) {
  Append<1>(static_cast<uint64_t>(Type::kGossip), out);
}
void AppendBody(const SwimPushPull& push_pull, std::string& out) {
  Append<1>(static_cast<uint64_t>(Type::kPushPull), out);
  Append<1>(push_pull.wants_answer ? 1 : 0, out);
}

// Reads until the first fault, after which everything is 0.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <size_t kBytes>
  uint64_t Take() {
    if (rest_.size() < kBytes) {
      ok_ = false;
      rest_ = {};
      return 0;
    }
    const uint64_t number = LoadLittle<kBytes>(rest_.data());
    rest_.remove_prefix(kBytes);
    return number;
  }
  NodeId Node() { return NodeId{Take<8>()}; }
  void Require(bool holds) { ok_ = ok_ && holds; }
  bool AtEnd() const { return ok_ && rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

decltype(SwimPacket::body) TakeBody(Reader& in) {
  const auto type = static_cast<Type>(in.Take<1>());
  const auto sequence = [&in] { return in.Take<8>(); };
  switch (type) {
    case Type::kPing: {
      const uint64_t number = sequence();
      return SwimPing{.sequence = number, .target = in.Node()};
    }
    case Type::kAck: return SwimAck{.sequence = sequence()};
    case Type::kPingRequest: {
      const uint64_t number = sequence();
      return SwimPingRequest{.sequence = number, .target = in.Node()};
    }
    case Type::kNack: return SwimNack{.sequence = sequence()};
    case Type::kGossip: return SwimGossip{};
    case Type::kPushPull: {
      const uint64_t wants_answer = in.Take<1>();
      in.Require(wants_answer <= 1);
      return SwimPushPull{.wants_answer = wants_answer == 1};
    }
  }
  in.Require(false);
  return SwimGossip{};
}

Rumor TakeRumor(Reader& in) {
  Rumor rumor;
  rumor.node = in.Node();
  rumor.incarnation = in.Take<8>();
  const uint64_t health = in.Take<1>();
  rumor.health = static_cast<Health>(health);
  rumor.by = in.Node();
  in.Require(rumor.node != kNoNode && rumor.incarnation <= kMaxIncarnation &&
             health <= static_cast<uint64_t>(Health::kDead));
  return rumor;
}

}  // namespace

std::string_view Describe(SwimFault fault) {
  switch (fault) {
    case SwimFault::kTooShort: return "it is cut short";
    case SwimFault::kNewerFormat: return "it is of a later version";
    case SwimFault::kOtherCluster: return "it is of another cluster";
    case SwimFault::kForged: return "it was made with another cluster-secret, or damaged";
    case SwimFault::kMalformed: return "it is ill-formed";
  }
  return "it cannot be read";
}

std::string EncodeSwim(const SwimMessage& message, SwimKey key) {
  std::string out;
  Append<1>(kFormat, out);
  Append<8>(message.cluster_id, out);
  Append<8>(static_cast<uint64_t>(message.from), out);
  Append<8>(message.boot_nonce, out);
  Append<8>(message.epoch, out);
  std::visit([&out](const auto& body) { AppendBody(body, out); }, message.packet.body);
  const size_t rumors =
      std::min<size_t>(message.packet.rumors.size(), std::numeric_limits<uint16_t>::max());
  Append<2>(rumors, out);
  for (const Rumor& rumor : std::span(message.packet.rumors).first(rumors)) {
    Append<8>(static_cast<uint64_t>(rumor.node), out);
    Append<8>(rumor.incarnation, out);
    Append<1>(static_cast<uint64_t>(rumor.health), out);
    Append<8>(static_cast<uint64_t>(rumor.by), out);
  }
  const Mac mac = HmacSha256(key, out);
  return out.append(reinterpret_cast<const char*>(mac.data()), kMacBytes);
}

std::expected<SwimMessage, SwimFault> DecodeSwim(std::string_view bytes, uint64_t cluster_id,
                                                 SwimKey key) {
  if (bytes.empty()) return std::unexpected(SwimFault::kTooShort);
  if (static_cast<uint8_t>(bytes[0]) != kFormat) return std::unexpected(SwimFault::kNewerFormat);
  if (bytes.size() < kLeastBytes) return std::unexpected(SwimFault::kTooShort);
  if (LoadLittle<8>(bytes.data() + kClusterAt) != cluster_id) {
    return std::unexpected(SwimFault::kOtherCluster);
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - kMacBytes);
  if (!BeginsWith(HmacSha256(key, covered), bytes.substr(covered.size()))) {
    return std::unexpected(SwimFault::kForged);
  }
  Reader in(covered.substr(kClusterAt));
  SwimMessage message;
  message.cluster_id = in.Take<8>();
  message.from = in.Node();
  message.boot_nonce = in.Take<8>();
  message.epoch = in.Take<8>();
  message.packet.body = TakeBody(in);
  for (uint64_t left = in.Take<2>(); left > 0 && in.ok(); --left) {
    message.packet.rumors.push_back(TakeRumor(in));
  }
  if (!in.AtEnd() || message.from == kNoNode) return std::unexpected(SwimFault::kMalformed);
  return message;
}

}  // namespace cartwheel::cluster
