#include "server/uv_peer_socket.h"

#include <algorithm>
#include <netinet/tcp.h>
#include <span>
#include <sys/socket.h>
#include <utility>

#include "server/uv_loop.h"

namespace cartwheel::server {
namespace {

// Seconds of silence after which the system asks whether the other machine is still there.
constexpr unsigned kKeepaliveSeconds = 15;
// For which what was sent may stay without an acknowledgement by the other machine; then the
// connection ends, and a new one is tried. A network that was cut for long is whole again unseen:
// TCP tries later and later, and after half a minute would find out half a minute late.
constexpr unsigned kUnacknowledgedMs = 3'000;

}  // namespace

UvPeerSocket::UvPeerSocket(UvLoop& loop) : loop_(loop) {
  uv_tcp_init(loop.loop(), &tcp_);
  tcp_.data = connect_request_.data = write_request_.data = this;
}

UvPeerSocket* UvPeerSocket::Dial(UvLoop& loop, Owner& owner, const sockaddr& address) {
  auto* socket = new UvPeerSocket(loop);
  socket->owner_ = &owner;
  const int code = uv_tcp_connect(&socket->connect_request_, &socket->tcp_, &address,
                                  [](uv_connect_t* request, int status) {
                                    auto* dialled = static_cast<UvPeerSocket*>(request->data);
                                    if (dialled->owner_ == nullptr) return;
                                    if (status < 0) {
                                      dialled->End(status);
                                      return;
                                    }
                                    dialled->Configure();
                                    dialled->owner_->OnConnected();
                                  });
  if (code == 0) return socket;
  socket->Close();
  return nullptr;
}

UvPeerSocket* UvPeerSocket::Accept(UvLoop& loop, uv_stream_t* listener) {
  auto* socket = new UvPeerSocket(loop);
  if (uv_accept(listener, socket->stream()) != 0) {
    socket->Close();
    return nullptr;
  }
  socket->Configure();
  return socket;
}

void UvPeerSocket::Configure() {
  uv_tcp_nodelay(&tcp_, 1);
  uv_tcp_keepalive(&tcp_, 1, kKeepaliveSeconds);
  uv_os_fd_t file = -1;
  if (uv_fileno(handle(), &file) != 0) return;
  setsockopt(file, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof kUnacknowledgedMs);
}

std::string UvPeerSocket::RemoteAddress() {
  sockaddr_storage storage{};
  int length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  char text[INET6_ADDRSTRLEN] = "an unknown address";
  if (uv_tcp_getpeername(&tcp_, address, &length) == 0) uv_ip_name(address, text, sizeof text);
  return text;
}

void UvPeerSocket::SetReading(bool wanted) {
  if (wanted == reading_ || uv_is_closing(handle()) != 0) return;
  reading_ = wanted;
  if (!wanted) {
    uv_read_stop(stream());
    return;
  }
  uv_read_start(
      stream(),
      [](uv_handle_t* handle, size_t /*suggested*/, uv_buf_t* buffer) {
        const std::span<char> shared =
            static_cast<UvPeerSocket*>(handle->data)->loop_.read_buffer();
        *buffer = uv_buf_init(shared.data(), static_cast<unsigned>(shared.size()));
      },
      OnRead);
}

void UvPeerSocket::OnRead(uv_stream_t* stream, ssize_t length, const uv_buf_t* buffer) {
  auto* socket = static_cast<UvPeerSocket*>(stream->data);
  if (length < 0) {
    socket->End(static_cast<int>(length));
  } else if (length > 0 && socket->owner_ != nullptr) {
    socket->owner_->OnBytes({buffer->base, static_cast<size_t>(length)});
  }
}

void UvPeerSocket::End(int code) {
  Owner* const owner = owner_;
  Close();
  if (owner == nullptr) return;
  owner->OnEnd(code == UV_EOF ? "the other end closed the connection" : uv_strerror(code));
}

void UvPeerSocket::Send(std::string bytes) {
  if (waiting_.empty()) {
    waiting_ = std::move(bytes);
  } else {
    waiting_ += bytes;
  }
  if (!writing_) Write();
}

void UvPeerSocket::Write() {
  if (waiting_.empty() || uv_is_closing(handle()) != 0) return;
  uv_buf_t buffer{.base = waiting_.data(), .len = waiting_.size()};
  const int taken = uv_try_write(stream(), &buffer, 1);
  const size_t sent = taken > 0 ? static_cast<size_t>(taken) : 0;
  if (sent == waiting_.size()) {
    waiting_.clear();
    return;
  }
  // After an error too: uv_write meets it again and tells it from the loop.
  written_ = std::exchange(waiting_, {});
  buffer = {.base = written_.data() + sent, .len = written_.size() - sent};
  writing_ = uv_write(&write_request_, stream(), &buffer, 1, OnWritten) == 0;
}

void UvPeerSocket::OnWritten(uv_write_t* request, int status) {
  auto* socket = static_cast<UvPeerSocket*>(request->data);
  socket->writing_ = false;
  socket->written_ = {};
  if (uv_is_closing(socket->handle()) != 0) return;
  if (status < 0) {
    socket->End(status);
    return;
  }
  socket->Write();
  if (socket->close_once_sent_ && !socket->writing_) {
    socket->Close();
  } else if (socket->owner_ != nullptr) {
    socket->owner_->OnSent();
  }
}

size_t UvPeerSocket::unsent_bytes() {
  return waiting_.size() + uv_stream_get_write_queue_size(stream());
}

void UvPeerSocket::CloseOnceSent() {
  owner_ = nullptr;
  SetReading(false);
  close_once_sent_ = true;
  if (!writing_) Close();
}

void UvPeerSocket::Close() {
  owner_ = nullptr;
  if (uv_is_closing(handle()) != 0) return;
  uv_close(handle(), [](uv_handle_t* closed) { delete static_cast<UvPeerSocket*>(closed->data); });
}

}  // namespace cartwheel::server
