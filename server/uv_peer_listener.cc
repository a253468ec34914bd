#include "server/uv_peer_listener.h"

#include <algorithm>
#include <utility>

#include "server/uv_loop.h"
#include "server/uv_peers.h"

namespace cartwheel::server {
namespace {

constexpr int64_t kHandshakeUs = 3'000'000;
// Connections whose other end has not proven who it is. One more is closed at once; a member dials
// again.
constexpr ptrdiff_t kMaxStrangers = 64;
// Then it is not read from until its peer is up.
constexpr size_t kMaxHeldBytes = 1UL << 20;

int Lookup(uv_loop_t* loop, std::string host, int port, sockaddr_storage& storage) {
  if (host == "*") host = "0.0.0.0";
  uv_getaddrinfo_t request{};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const int code =
      uv_getaddrinfo(loop, &request, nullptr, host.c_str(), std::to_string(port).c_str(), &hints);
  if (code != 0) return code;
  const auto* bytes = reinterpret_cast<const char*>(request.addrinfo->ai_addr);
  std::copy_n(bytes, request.addrinfo->ai_addrlen, reinterpret_cast<char*>(&storage));
  uv_freeaddrinfo(request.addrinfo);
  return 0;
}

}  // namespace

UvPeerIncoming::UvPeerIncoming(UvPeerListener& listener, UvPeerSocket& socket)
    : listener_(listener),
      socket_(&socket),
      from_(socket.RemoteAddress()),
      link_(listener.peers().NewHello(), listener.peers().link_key(), listener.peers().MemberIds(),
            listener.loop().now().monotonic_us + kHandshakeUs) {
  socket.set_owner(*this);
  uv_timer_init(listener.loop().loop(), &timer_);
  timer_.data = this;
  OnTimer();
  socket.SetReading(true);
}

void UvPeerIncoming::OnBytes(std::string_view bytes) {
  if (established()) listener_.peers().OnHeard(peer_);
  if (!established() || peer_up_) {
    Read(bytes);
  } else {
    Hold(bytes);
  }
}

void UvPeerIncoming::Hold(std::string_view bytes) {
  held_ += bytes;
  if (held_.size() > kMaxHeldBytes) socket_->SetReading(false);
}

void UvPeerIncoming::Read(std::string_view bytes) {
  link_.Feed(bytes);
  const Now now = listener_.loop().now();
  size_t prefetched = 0;  // messages
  while (true) {
    if (established()) {
      if (prefetched == 0) prefetched = listener_.loop().server().PrefetchForPeers(link_.unread());
      --prefetched;
    }
    const auto event = link_.Next();
    if (!event) break;
    if (!std::visit([&](const auto& each) { return On(each, now); }, *event)) return;
  }
  if (std::string answer = link_.TakeOutput(); !answer.empty()) socket_->Send(std::move(answer));
}

bool UvPeerIncoming::On(const cluster::Established& event, Now /*now*/) {
  uv_timer_stop(&timer_);
  UvPeers& peers = listener_.peers();
  if (auto refused = peers.OnIncoming(*this, event.peer)) {
    peers.LogRefused(from_, *refused);
    Close();
    return false;
  }
  peer_ = event.peer.node;
  peers.OnIncomingReady(peer_);
  if (socket_ == nullptr) return false;
  // It may have spoken behind its proof already, when our own link to it is just lost.
  if (!peer_up_) Hold(link_.TakeUnread());
  return peer_up_;
}

bool UvPeerIncoming::On(const cluster::Received& event, Now now) {
  listener_.loop().server().ReceiveFromPeer(peer_, event.message, now);
  return true;
}

// It is closed once it is answered, or at the deadline of the handshake.
bool UvPeerIncoming::On(const cluster::Asked& event, Now /*now*/) {
  auto answer = listener_.peers().Answer(event.bytes, from_);
  if (answer) {
    socket_->Send(*std::move(answer));
    std::exchange(socket_, nullptr)->CloseOnceSent();
  } else {
    listener_.peers().LogRefused(from_, answer.error());
  }
  Close();
  return false;
}

bool UvPeerIncoming::On(const cluster::Failed& event, Now /*now*/) {
  if (std::string answer = link_.TakeOutput(); !answer.empty()) {
    socket_->Send(std::move(answer));
    std::exchange(socket_, nullptr)->CloseOnceSent();
  }
  Lose(event.reason);
  return false;
}

void UvPeerIncoming::SetPeerUp(bool up) {
  peer_up_ = up;
  if (!up) return;
  const std::string held = std::exchange(held_, {});
  // With nothing held it may be that Read itself brought the peer up.
  if (!held.empty()) Read(held);
  if (socket_ != nullptr) socket_->SetReading(true);
}

void UvPeerIncoming::OnEnd(const std::string& reason) {
  socket_ = nullptr;
  // Whoever dialled is the first to find out that the secrets differ, and hangs up.
  Lose(link_.awaits_proof()
           ? reason + " before it proved that its cluster-secret is ours, which may differ"
           : reason);
}

void UvPeerIncoming::OnTimer() {
  const int64_t now_us = listener_.loop().now().monotonic_us;
  if (const auto late = link_.OnTime(now_us)) {
    Lose(std::get<cluster::Failed>(*late).reason);
    return;
  }
  constexpr int64_t kMicrosPerMilli = 1000;
  const int64_t left_us = link_.NextDeadline() - now_us;
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) { static_cast<UvPeerIncoming*>(timer->data)->OnTimer(); },
      static_cast<uint64_t>((left_us + kMicrosPerMilli - 1) / kMicrosPerMilli), 0);
}

void UvPeerIncoming::Lose(const std::string& reason) {
  if (peer_ != cluster::kNoNode) {
    listener_.peers().OnIncomingLost(*this, peer_, reason);
  } else {
    listener_.peers().LogRefused(from_, reason);
  }
  Close();
}

void UvPeerIncoming::Close() {
  if (socket_ != nullptr) std::exchange(socket_, nullptr)->Close();
  auto* const timer = reinterpret_cast<uv_handle_t*>(&timer_);
  if (uv_is_closing(timer) != 0) return;
  listener_.Remove(*this);
  uv_close(timer, [](uv_handle_t* closed) { delete static_cast<UvPeerIncoming*>(closed->data); });
}

UvPeerListener::UvPeerListener(UvLoop& loop, UvPeers& peers) : loop_(loop), peers_(peers) {
  uv_tcp_init(loop.loop(), &tcp_);
  tcp_.data = this;
}

std::expected<void, std::string> UvPeerListener::Listen(const std::string& host, int port,
                                                        int backlog) {
  sockaddr_storage storage{};
  int code = Lookup(loop_.loop(), host, port, storage);
  if (code == 0) code = uv_tcp_bind(&tcp_, reinterpret_cast<const sockaddr*>(&storage), 0);
  if (code == 0) {
    code = uv_listen(reinterpret_cast<uv_stream_t*>(&tcp_), backlog,
                     [](uv_stream_t* stream, int status) {
                       if (status == 0) static_cast<UvPeerListener*>(stream->data)->Accept();
                     });
  }
  if (code == 0) return {};
  return std::unexpected("cannot listen for the cluster on " + host + ":" + std::to_string(port) +
                         ": " + uv_strerror(code) +
                         "; set this node's entry in cluster-nodes, or cluster-port, or "
                         "cluster-bind");
}

sockaddr_storage UvPeerListener::address() const {
  sockaddr_storage storage{};
  int length = sizeof(storage);
  uv_tcp_getsockname(&tcp_, reinterpret_cast<sockaddr*>(&storage), &length);
  return storage;
}

void UvPeerListener::Accept() {
  UvPeerSocket* const socket = UvPeerSocket::Accept(loop_, reinterpret_cast<uv_stream_t*>(&tcp_));
  if (socket == nullptr) return;
  const ptrdiff_t strangers = std::ranges::count_if(
      connections_, [](const UvPeerIncoming* each) { return !each->established(); });
  if (strangers < kMaxStrangers) {
    connections_.insert(new UvPeerIncoming(*this, *socket));
  } else {
    peers_.LogRefused(socket->RemoteAddress(), "too many connections whose other end says nothing");
    socket->Close();
  }
}

void UvPeerListener::Stop() {
  auto* const handle = reinterpret_cast<uv_handle_t*>(&tcp_);
  if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
  for (UvPeerIncoming* each : std::set<UvPeerIncoming*>(connections_)) each->Close();
}

}  // namespace cartwheel::server
