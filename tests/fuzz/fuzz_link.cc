// The input as the bytes of a connection between two nodes. Its first byte says how the rest is
// taken: even, as it came from the connection; odd, as types, lengths and payloads that are put
// into frames with checksums made right, since no mutation guesses one; an empty Proof becomes the
// good one, for the same reason. Both kinds of link must
// tell the same whether they get it in one piece or in random ones, and keep their promises about
// the order of what they tell. Every piece is in a new buffer of exactly its size, gone before the
// next, so that ASan sees stale views and reads past the end.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cluster/link.h"
#include "cluster/link_proof.h"
#include "cluster/message_codec.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using namespace cartwheel::cluster;
using cartwheel::fuzz::Pieces;
using cartwheel::fuzz::Require;

// What the seeds say: this is node 1 of a cluster of 1 and 2.
const Hello kOwn = {.cluster_id = 5, .node = NodeId{1}, .boot_nonce = 70, .challenge = {9, 8, 7}};
constexpr NodeId kPeer{2};
constexpr Mac kKey{1, 2, 3};
constexpr uint8_t kProofType = 17;

// Reads every byte that the message borrows.
std::string Encoded(const Message& message) {
  std::string out;
  std::visit(
      [&out](const auto& each) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(each)>, UnknownMessage>) {
          Require(AppendFrame(each, out), "what came in a frame fits into one");
        }
      },
      message);
  return out;
}

// The Proof that makes the peer's first frame, a Hello, a good one.
std::string GoodProof(std::string_view bytes, bool incoming) {
  const auto first = PeekFrame(bytes);
  const std::string own_hello = Encoded(kOwn).substr(kFrameHead);
  const std::string_view peers_hello = first ? first->payload : std::string_view();
  return Encoded(Proof{incoming ? LinkProof(kKey, LinkEnd::kDialler, peers_hello, own_hello)
                                : LinkProof(kKey, LinkEnd::kAcceptor, own_hello, peers_hello)});
}

bool IsProven(std::string_view bytes, bool incoming) {
  const auto first = PeekFrame(bytes);
  return first &&
         bytes.substr(kFrameHead + first->payload.size()).starts_with(GoodProof(bytes, incoming));
}

// What a link told, as text, and whether it may tell it.
class Told {
 public:
  // `bytes`: all that it is going to be fed.
  Told(bool incoming, std::string_view bytes)
      : incoming_(incoming), proven_(IsProven(bytes, incoming)) {}

  void Add(const LinkEvent& event) {
    Require(!failed_, "nothing follows a failure");
    std::visit([this](const auto& each) { On(each); }, event);
  }
  bool failed() const { return failed_; }
  const std::string& text() const { return text_; }

 private:
  void On(const Established& event) {
    Require(!established_, "a link is established once");
    Require(proven_, "only with who knows the secret");
    Require(event.peer.cluster_id == kOwn.cluster_id, "only with this cluster");
    Require(event.peer.node == kPeer, "only with a member, and never with itself");
    Require(CommonProtocol(kOwn, event.peer).has_value(), "only in a protocol that both speak");
    established_ = true;
    text_ += "established\n";
  }
  void On(const Received& event) {
    Require(established_ && incoming_, "messages follow a Proof, on the connections of others");
    Require(!std::holds_alternative<Hello>(event.message) &&
                !std::holds_alternative<Proof>(event.message) &&
                !std::holds_alternative<UnknownMessage>(event.message),
            "only what the node can use");
    text_ += Encoded(event.message) + "\n";
  }
  void On(const Asked& event) {
    Require(incoming_ && !established_, "a question is asked first, by who dialled");
    failed_ = true;  // nothing follows it either
    text_ += "asked " + std::string(event.bytes) + "\n";
  }
  void On(const Failed& event) {
    Require(!event.reason.empty() &&
                std::ranges::all_of(event.reason, [](char c) { return c >= ' ' && c < 0x7f; }),
            "a failure has a line for the log");
    failed_ = true;
    text_ += event.reason + "\n";
  }

  const bool incoming_;
  const bool proven_;
  bool established_ = false;
  bool failed_ = false;
  std::string text_;
};

void Feed(std::string_view piece, Link& link, Told& told) {
  const auto buffer = std::make_unique<char[]>(piece.size());
  piece.copy(buffer.get(), piece.size());
  link.Feed({buffer.get(), piece.size()});
  while (auto event = link.Next()) told.Add(*event);
}

std::string InPieces(std::string_view bytes, Pieces pieces, bool incoming, Link& link) {
  Told told(incoming, bytes);
  const size_t longest = 1 + pieces.Below(64);
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, 1 + pieces.Below(longest));
    Feed(piece, link, told);
    bytes.remove_prefix(piece.size());
#ifdef CARTWHEEL_CANARY
    // The planted fault: a byte is lost behind a piece that ends with "~" once there is a link. No
    // seed has one.
    if (link.established() && piece.back() == '~' && !bytes.empty()) bytes.remove_prefix(1);
#endif
  }
  Require(link.OnTime(INT64_MAX).has_value() == (!told.failed() && !link.established()),
          "only a handshake has a deadline");
  return told.text() + link.TakeOutput();
}

void Check(std::string_view bytes, bool incoming, Link& whole, Link& cut) {
  Told told(incoming, bytes);
  Feed(bytes, whole, told);
  const std::string output = whole.TakeOutput();
  const bool proves = output.size() > Encoded(kOwn).size();
  Require(!proves || incoming || IsProven(bytes, incoming),
          "who dialled proves what it knows only to who has proven it");
  Require(told.text() + output == InPieces(bytes, Pieces(bytes), incoming, cut),
          "pieces tell the same as the whole");
}

// Type, length, payload; type, length, payload ...; the last one may be shorter than it says.
std::string Framed(std::string_view input, bool incoming) {
  std::string out;
  while (input.size() >= 2) {
    const auto type = static_cast<uint8_t>(input[0]);
    const auto length = static_cast<uint8_t>(input[1]);
    if (type == kProofType && length == 0) {
      out += GoodProof(out, incoming);
    } else {
      const size_t begin = BeginFrame(out);
      out += input.substr(2, length);
      EndFrame(type, begin, out);
    }
    input.remove_prefix(std::min<size_t>(input.size(), 2 + length));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const bool as_it_came = data[0] % 2 == 0;
  IncomingLink incoming(kOwn, kKey, {kOwn.node, kPeer}, 1);
  IncomingLink incoming_cut(kOwn, kKey, {kOwn.node, kPeer}, 1);
  Check(as_it_came ? std::string(input) : Framed(input, true), true, incoming, incoming_cut);
  OutgoingLink outgoing(kOwn, kKey, kPeer, 1);
  OutgoingLink outgoing_cut(kOwn, kKey, kPeer, 1);
  Check(as_it_came ? std::string(input) : Framed(input, false), false, outgoing, outgoing_cut);
  return 0;
}
