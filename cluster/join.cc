#include "cluster/join.h"

#include <algorithm>

#include "cluster/byte_fields.h"
#include "cluster/mac.h"

namespace cartwheel::cluster {
namespace {

constexpr uint8_t kFormat = 1;
constexpr size_t kMacBytes = 16;  // kept of the 32
constexpr size_t kMaxHostBytes = 255;
constexpr size_t kMaxZoneBytes = 64;
constexpr size_t kMaxReasonBytes = 500;

enum class What : uint8_t { kRequest = 1, kReply = 2 };

void Append(const JoinRequest& request, ByteWriter& out) {
  out.U8(static_cast<uint8_t>(What::kRequest))
      .Little<2>(request.oldest_protocol)
      .Little<2>(request.newest_protocol)
      .U64(request.nonce)
      .Name(request.node)
      .U64(request.boot_nonce)
      .U64(request.cluster_id)
      .U8(request.holds_keys ? 1 : 0)
      .Bytes(request.asked.host)
      .Little<2>(request.asked.port)
      .Bytes(request.address.host)
      .Little<2>(request.address.port)
      .Bytes(request.zone)
      .Varint(request.weight)
      .Bytes(request.record);
}

void Append(const JoinReply& reply, ByteWriter& out) {
  out.U8(static_cast<uint8_t>(What::kReply))
      .U64(reply.nonce)
      .Name(reply.node)
      .U64(reply.boot_nonce)
      .U64(reply.cluster_id)
      .Varint(reply.members)
      .U8(static_cast<uint8_t>(reply.verdict))
      .Bytes(reply.seen_host)
      .Bytes(std::string_view(reply.reason).substr(0, kMaxReasonBytes))
      .Bytes(reply.record);
}

// It becomes a word of lines that people and clients read.
bool IsPrintable(std::string_view text, char least) {
  return std::ranges::all_of(text, [least](char c) { return c >= least && c <= '~'; });
}

NodeAddress TakeAddress(ByteReader& in) {
  NodeAddress address;
  address.host = in.Bytes();
  address.port = static_cast<uint16_t>(in.Little<2>());
  in.Require(address.host.size() <= kMaxHostBytes && IsPrintable(address.host, '!'));
  in.Require(address.port != 0);
  return address;
}

JoinRequest TakeRequest(ByteReader& in) {
  JoinRequest request;
  request.oldest_protocol = static_cast<uint16_t>(in.Little<2>());
  request.newest_protocol = static_cast<uint16_t>(in.Little<2>());
  request.nonce = in.U64();
  request.node = in.Name<NodeId>();
  request.boot_nonce = in.U64();
  request.cluster_id = in.U64();
  request.holds_keys = in.Flag();
  request.asked = TakeAddress(in);
  request.address = TakeAddress(in);
  request.zone = in.Bytes();
  const uint64_t weight = in.Varint();
  in.Require(request.oldest_protocol <= request.newest_protocol && request.node != kNoNode);
  in.Require(IsPrintable(request.zone, '!'));
  in.Require(request.zone.size() <= kMaxZoneBytes && weight >= 1 && weight <= kMaxWeight);
  request.weight = static_cast<uint32_t>(weight);
  request.record = in.Bytes();
  return request;
}

JoinReply TakeReply(ByteReader& in) {
  JoinReply reply;
  reply.nonce = in.U64();
  reply.node = in.Name<NodeId>();
  reply.boot_nonce = in.U64();
  reply.cluster_id = in.U64();
  reply.members = in.Varint();
  const uint8_t verdict = in.U8();
  in.Require(verdict <= static_cast<uint8_t>(JoinReply::Verdict::kRefused));
  if (in.ok()) reply.verdict = JoinReply::Verdict{verdict};
  reply.seen_host = in.Bytes();
  reply.reason = in.Bytes();
  in.Require(reply.reason.size() <= kMaxReasonBytes);
  reply.record = in.Bytes();
  in.Require(reply.node != kNoNode && IsPrintable(reply.seen_host, '!') &&
             IsPrintable(reply.reason, ' '));
  in.Require((reply.verdict == JoinReply::Verdict::kUnformed) == (reply.cluster_id == 0));
  return reply;
}

}  // namespace

std::string EncodeJoin(const JoinMessage& message, JoinKey key) {
  std::string bytes;
  ByteWriter out(bytes);
  out.U8(kFormat);
  std::visit([&out](const auto& it) { Append(it, out); }, message);
  const Mac mac = HmacSha256(key, bytes);
  return bytes.append(reinterpret_cast<const char*>(mac.data()), kMacBytes);
}

std::expected<JoinMessage, std::string> DecodeJoin(std::string_view bytes, JoinKey key) {
  if (bytes.size() < 2 + kMacBytes) return std::unexpected("a question that is cut short");
  if (static_cast<uint8_t>(bytes[0]) != kFormat) {
    return std::unexpected("a question of a later version");
  }
  const std::string_view covered = bytes.substr(0, bytes.size() - kMacBytes);
  if (!BeginsWith(HmacSha256(key, covered), bytes.substr(covered.size()))) {
    return std::unexpected("its cluster-secret or cluster-name differs from ours");
  }
  ByteReader in(covered.substr(1));
  const auto what = static_cast<What>(in.U8());
  JoinMessage message;
  if (what == What::kRequest) {
    message = TakeRequest(in);
  } else {
    in.Require(what == What::kReply);
    message = TakeReply(in);
  }
  in.Require(in.empty());
  if (!in.ok()) return std::unexpected("an ill-formed question");
  return message;
}

}  // namespace cartwheel::cluster
