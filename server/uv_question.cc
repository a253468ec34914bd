#include "server/uv_question.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cluster/message_codec.h"
#include "server/uv_loop.h"
#include "server/uv_peers.h"

namespace cartwheel::server {
namespace {

// Of an answer with a topology.
constexpr size_t kMaxAnswerBytes = 1UL << 20;
constexpr size_t kMaxAddresses = 16;

}  // namespace

UvQuestion* UvQuestion::Ask(UvLoop& loop, UvPeers& peers, const cluster::NodeAddress& to,
                            std::string frame, uint64_t timeout_ms) {
  auto* const question = new UvQuestion(loop, peers, to, std::move(frame));
  uv_update_time(loop.loop());
  uv_timer_start(
      &question->timer_,
      [](uv_timer_t* timer) {
        static_cast<UvQuestion*>(timer->data)->End({}, "it does not answer");
      },
      timeout_ms, 0);
  question->Resolve();
  return question;
}

UvQuestion::UvQuestion(UvLoop& loop, UvPeers& peers, const cluster::NodeAddress& to,
                       std::string frame)
    : loop_(loop), peers_(peers), to_(to), frame_(std::move(frame)) {
  uv_timer_init(loop.loop(), &timer_);
  timer_.data = resolve_request_.data = this;
}

void UvQuestion::Resolve() {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  const int code = uv_getaddrinfo(
      loop_.loop(), &resolve_request_,
      [](uv_getaddrinfo_t* request, int status, addrinfo* found) {
        static_cast<UvQuestion*>(request->data)->OnResolved(status, found);
        uv_freeaddrinfo(found);
      },
      to_.host.c_str(), std::to_string(to_.port).c_str(), &hints);
  resolving_ = code == 0;
  // Otherwise the timer ends it.
}

void UvQuestion::OnResolved(int status, addrinfo* found) {
  resolving_ = false;
  if (over_) return DeleteIfOver();
  for (; found != nullptr && addresses_.size() < kMaxAddresses; found = found->ai_next) {
    std::memcpy(&addresses_.emplace_back(), found->ai_addr, found->ai_addrlen);
  }
  std::ranges::reverse(addresses_);
  if (status != 0 || addresses_.empty()) {
    return End({}, std::string("cannot look up its name: ") + uv_strerror(status));
  }
  Connect();
}

void UvQuestion::Connect() {
  const sockaddr_storage address = addresses_.back();
  addresses_.pop_back();
  socket_ = UvPeerSocket::Dial(loop_, *this, reinterpret_cast<const sockaddr&>(address));
  if (socket_ == nullptr) End({}, "cannot open a socket to its address");
}

void UvQuestion::OnConnected() {
  socket_->Send(std::move(frame_));
  socket_->SetReading(true);
}

void UvQuestion::OnBytes(std::string_view bytes) {
  answer_.Feed(bytes);
  switch (answer_.Next(kMaxAnswerBytes)) {
    case cluster::FrameReader::Status::kIncomplete: return;
    case cluster::FrameReader::Status::kError: return End({}, "it sent " + answer_.error());
    case cluster::FrameReader::Status::kComplete: break;
  }
  const auto message = cluster::DecodeMessage(answer_.frame());
  const auto* const talk = message ? std::get_if<cluster::JoinTalk>(&*message) : nullptr;
  End(talk != nullptr ? talk->bytes : std::string_view(), "it sent something else");
}

void UvQuestion::OnEnd(const std::string& reason) {
  socket_ = nullptr;
  // A name may have several addresses, not each of which leads to a node.
  const bool was_said = frame_.empty();
  if (!was_said && !addresses_.empty()) return Connect();
  End({}, reason);
}

void UvQuestion::End(std::string_view answer, const std::string& reason) {
  if (over_) return;
  peers_.OnQuestionOver(*this, answer, reason);
  Stop();
}

void UvQuestion::Stop() {
  if (std::exchange(over_, true)) return;
  if (socket_ != nullptr) std::exchange(socket_, nullptr)->Close();
  if (resolving_) uv_cancel(reinterpret_cast<uv_req_t*>(&resolve_request_));
  uv_close(reinterpret_cast<uv_handle_t*>(&timer_), [](uv_handle_t* closed) {
    auto* const question = static_cast<UvQuestion*>(closed->data);
    question->timer_closed_ = true;
    question->DeleteIfOver();
  });
}

void UvQuestion::DeleteIfOver() {
  if (over_ && timer_closed_ && !resolving_) delete this;
}

}  // namespace cartwheel::server
