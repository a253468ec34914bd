#include "server/uv_peer_link.h"

#include <cstring>
#include <utility>

#include "server/uv_loop.h"
#include "server/uv_peers.h"

namespace cartwheel::server {
namespace {

// To connect and to shake hands. Longer than a SYN that was lost once takes to be sent again.
constexpr int64_t kAttemptUs = 3'000'000;
// Of one name; a cluster's node has one or two.
constexpr size_t kMaxAddresses = 16;

}  // namespace

UvPeerLink::UvPeerLink(UvLoop& loop, UvPeers& peers, ClusterMember member, uint64_t seed)
    : loop_(loop), peers_(peers), member_(std::move(member)), backoff_(seed) {
  uv_timer_init(loop.loop(), &timer_);
  timer_.data = resolve_request_.data = this;
}

void UvPeerLink::DialNow() {
  if (state_ != State::kIdle) return;
  uv_timer_stop(&timer_);
  Resolve();
}

void UvPeerLink::Resolve() {
  state_ = State::kResolving;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const int code = uv_getaddrinfo(
      loop_.loop(), &resolve_request_,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        static_cast<UvPeerLink*>(request->data)->OnResolved(status, found);
        uv_freeaddrinfo(found);
      },
      member_.host.c_str(), std::to_string(member_.port).c_str(), &hints);
  if (code != 0) Fail(std::string("cannot look up its name: ") + uv_strerror(code));
}

void UvPeerLink::OnResolved(int status, addrinfo* found) {
  if (state_ != State::kResolving) return;
  addresses_.clear();
  for (; found != nullptr && addresses_.size() < kMaxAddresses; found = found->ai_next) {
    std::memcpy(&addresses_.emplace_back(), found->ai_addr, found->ai_addrlen);
  }
  if (status != 0 || addresses_.empty()) {
    Fail(std::string("cannot look up its name: ") + uv_strerror(status));
  } else {
    Connect();
  }
}

void UvPeerLink::Connect() {
  const sockaddr_storage& address = addresses_[attempts_++ % addresses_.size()];
  state_ = State::kConnecting;
  attempt_until_us_ = loop_.now().monotonic_us + kAttemptUs;
  WaitUntil(attempt_until_us_);
  socket_ = UvPeerSocket::Dial(loop_, *this, reinterpret_cast<const sockaddr&>(address));
  if (socket_ == nullptr) Fail("cannot open a socket to its address");
}

void UvPeerLink::OnConnected() {
  was_up_ = false;
  link_.emplace(peers_.NewHello(), peers_.link_key(), member_.id, attempt_until_us_);
  socket_->Send(link_->TakeOutput());
  socket_->SetReading(true);
}

void UvPeerLink::OnBytes(std::string_view bytes) {
  link_->Feed(bytes);
  while (auto event = link_->Next()) {
    if (const auto* failed = std::get_if<cluster::Failed>(&*event)) {
      Fail(failed->reason);
      return;
    }
    const auto* established = std::get_if<cluster::Established>(&*event);
    if (established == nullptr) continue;
    state_ = State::kEstablished;
    uv_timer_stop(&timer_);
    if (auto refused = peers_.OnOutgoing(*this, established->peer)) {
      Fail(*refused);
      return;
    }
    reached_ = addresses_[(attempts_ - 1) % addresses_.size()];
    // Only now: for whom we refuse, this is no link either.
    socket_->Send(link_->TakeOutput());
  }
}

void UvPeerLink::Send(std::string bytes) {
  if (broken_.empty()) socket_->Send(std::move(bytes));
}

size_t UvPeerLink::unsent_bytes() {
  return socket_ == nullptr ? 0 : socket_->unsent_bytes();
}

void UvPeerLink::OnSent() {
  peers_.OnOutgoingSent(*this);
}

void UvPeerLink::OnEnd(const std::string& reason) {
  socket_ = nullptr;
  const bool refused = link_ && !was_up_;
  Fail(refused ? reason + " before it was linked; its log may say why" : reason);
}

void UvPeerLink::BreakSoon(std::string reason) {
  if (state_ != State::kEstablished || !broken_.empty()) return;
  broken_ = std::move(reason);
  Wait(0);
}

void UvPeerLink::OnTimer() {
  switch (state_) {
    case State::kIdle: Resolve(); break;
    case State::kConnecting: OnAttemptTime(loop_.now().monotonic_us); break;
    case State::kEstablished: Fail(std::exchange(broken_, {})); break;
    case State::kResolving:
    case State::kStopped: break;
  }
}

void UvPeerLink::OnAttemptTime(int64_t now_us) {
  if (now_us < attempt_until_us_) {  // libuv's clock is not ours to the microsecond
    WaitUntil(attempt_until_us_);
    return;
  }
  const auto late = link_ ? link_->OnTime(now_us) : std::nullopt;
  Fail(late ? std::get<cluster::Failed>(*late).reason : "it did not accept in time");
}

void UvPeerLink::WaitUntil(int64_t monotonic_us) {
  constexpr int64_t kMicrosPerMilli = 1000;
  const int64_t left_us = monotonic_us - loop_.now().monotonic_us;
  Wait(static_cast<uint64_t>((left_us + kMicrosPerMilli - 1) / kMicrosPerMilli));
}

void UvPeerLink::Wait(uint64_t milliseconds) {
  // libuv counts from when this turn began.
  uv_update_time(loop_.loop());
  uv_timer_start(
      &timer_, [](uv_timer_t* timer) { static_cast<UvPeerLink*>(timer->data)->OnTimer(); },
      milliseconds, 0);
}

void UvPeerLink::Fail(const std::string& reason) {
  const bool was_established = state_ == State::kEstablished;
  if (socket_ != nullptr) std::exchange(socket_, nullptr)->Close();
  link_.reset();
  broken_.clear();
  state_ = State::kIdle;
  Wait(static_cast<uint64_t>(backoff_.NextDelayMs()));
  peers_.OnOutgoingLost(*this, was_established, reason);
}

void UvPeerLink::Stop() {
  if (state_ == State::kStopped) return;
  if (state_ == State::kResolving) uv_cancel(reinterpret_cast<uv_req_t*>(&resolve_request_));
  state_ = State::kStopped;
  if (socket_ != nullptr) std::exchange(socket_, nullptr)->Close();
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
}

}  // namespace cartwheel::server
