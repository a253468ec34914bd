#include "server/uv_connection.h"

#include <utility>

#include "server/log.h"
#include "server/uv_loop.h"

namespace cartwheel::server {
namespace {

// Output buffers keep their memory for the next turn up to this size.
constexpr size_t kKeptOutputBytes = 256UL << 10;

void EmptyBuffer(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeptOutputBytes) buffer.shrink_to_fit();
}

std::string AddressText(const sockaddr_storage& storage) {
  char ip[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET6) {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(&storage);
    uv_ip6_name(address, ip, sizeof ip);
    return "[" + std::string(ip) + "]:" + std::to_string(ntohs(address->sin6_port));
  }
  const auto* address = reinterpret_cast<const sockaddr_in*>(&storage);
  uv_ip4_name(address, ip, sizeof ip);
  return std::string(ip) + ":" + std::to_string(ntohs(address->sin_port));
}

bool IsLoopback(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(&address);
  }
  const auto* address = reinterpret_cast<const sockaddr_in*>(&storage);
  return (ntohl(address->sin_addr.s_addr) >> 24) == 127;
}

}  // namespace

UvConnection::UvConnection(UvLoop& loop, bool unix_socket)
    : loop_(loop), unix_socket_(unix_socket) {
  if (unix_socket) {
    uv_pipe_init(loop.loop(), &handle_.pipe, 0);
  } else {
    uv_tcp_init(loop.loop(), &handle_.tcp);
  }
  handle()->data = this;
  write_request_.data = this;
  loop.Add(*this);
}

void UvConnection::Accept(UvLoop& loop, uv_stream_t* listener, bool unix_socket) {
  auto* connection = new UvConnection(loop, unix_socket);
  if (uv_accept(listener, connection->stream()) != 0) {
    connection->Close();
    return;
  }
  connection->Start();
}

void UvConnection::Start() {
  const Config& config = loop_.server().config();
  if (!unix_socket_) {
    uv_tcp_nodelay(&handle_.tcp, 1);
    if (config.tcp_keepalive > 0) {
      uv_tcp_keepalive(&handle_.tcp, 1, static_cast<unsigned>(config.tcp_keepalive));
    }
  }
  session_ = &loop_.server().Connect(DescribePeer(), loop_.now());
  session_->transport = this;
  if (session_->closing()) {
    loop_.server().Touch(*session_);
  } else {
    SetReading(true);
  }
}

Peer UvConnection::DescribePeer() {
  Peer peer;
  uv_os_fd_t fd = -1;
  uv_fileno(handle(), &fd);
  peer.fd = fd;
  peer.unix_socket = unix_socket_;
  if (unix_socket_) {
    peer.address = peer.local_address = loop_.server().config().unixsocket + ":0";
    return peer;
  }
  sockaddr_storage storage{};
  int length = sizeof storage;
  if (uv_tcp_getpeername(&handle_.tcp, reinterpret_cast<sockaddr*>(&storage), &length) == 0) {
    peer.address = AddressText(storage);
    peer.loopback = IsLoopback(storage);
  }
  length = sizeof storage;
  if (uv_tcp_getsockname(&handle_.tcp, reinterpret_cast<sockaddr*>(&storage), &length) == 0) {
    peer.local_address = AddressText(storage);
  }
  return peer;
}

void UvConnection::OnAllocate(uv_handle_t* handle, size_t /*suggested*/, uv_buf_t* buffer) {
  auto* connection = static_cast<UvConnection*>(handle->data);
  const std::span<char> shared = connection->loop_.read_buffer();
  *buffer = uv_buf_init(shared.data(), static_cast<unsigned>(shared.size()));
}

void UvConnection::OnRead(uv_stream_t* stream, ssize_t length, const uv_buf_t* buffer) {
  auto* connection = static_cast<UvConnection*>(stream->data);
  UvLoop& loop = connection->loop_;
  if (length == 0 || connection->session_ == nullptr) return;
  Session& session = *connection->session_;
  if (length > 0) {
    loop.server().Receive(session, {buffer->base, static_cast<size_t>(length)}, loop.now());
    // After a full buffer libuv would go on reading; one buffer a turn keeps a flood from delaying
    // the other clients. Flush reads on. (Stopping costs two system calls, so only then.)
    if (static_cast<size_t>(length) == loop.read_buffer().size()) connection->SetReading(false);
    return;
  }
  connection->SetReading(false);
  if (length == UV_EOF) {
    loop.server().EndOfInput(session, loop.now());
  } else {
    loop.server().Close(session, uv_strerror(static_cast<int>(length)), false);
  }
}

void UvConnection::SetReading(bool wanted) {
  if (wanted == reading_) return;
  reading_ = wanted;
  if (wanted) {
    uv_read_start(stream(), OnAllocate, OnRead);
  } else {
    uv_read_stop(stream());
  }
}

void UvConnection::Flush() {
  if (session_ == nullptr) return;
  if (!session_->close_now && !session_->output.empty() && !writing_) Write();
  if (session_ == nullptr) return;
  const bool sent = session_->output.empty() && !writing_;
  if (session_->close_now || (session_->close_after_reply && sent)) {
    Close();
    return;
  }
  SetReading(!session_->input_ended && loop_.server().WantsInput(*session_));
}

void UvConnection::Write() {
  std::string& output = session_->output;
  // Not by uv_buf_init, whose length has 32 bits: one reply can be larger.
  uv_buf_t buffer{.base = output.data(), .len = output.size()};
  const int taken = uv_try_write(stream(), &buffer, 1);
  if (taken < 0 && taken != UV_EAGAIN) {
    loop_.server().Close(*session_, uv_strerror(taken), false);
    return;
  }
  const size_t sent = taken > 0 ? static_cast<size_t>(taken) : 0;
  if (sent < output.size()) {
    write_buffer_.swap(output);
    buffer = {.base = write_buffer_.data() + sent, .len = write_buffer_.size() - sent};
    writing_ = true;
    session_->in_flight = buffer.len;
    uv_write(&write_request_, stream(), &buffer, 1, OnWritten);
  }
  EmptyBuffer(output);
  if (sent > 0) loop_.server().Sent(*session_, sent, loop_.now());
}

void UvConnection::OnWritten(uv_write_t* request, int status) {
  auto* connection = static_cast<UvConnection*>(request->data);
  connection->writing_ = false;
  if (connection->session_ == nullptr) return;
  Session& session = *connection->session_;
  Server& server = connection->loop_.server();
  const size_t sent = std::exchange(session.in_flight, 0);
  EmptyBuffer(connection->write_buffer_);
  if (status < 0) {
    server.Close(session, uv_strerror(status), false);
  } else {
    server.Sent(session, sent, connection->loop_.now());
    server.Touch(session);
  }
}

void UvConnection::ReportProgress() {
  if (session_ == nullptr || !writing_) return;
  const size_t left = uv_stream_get_write_queue_size(stream());
  const size_t sent = session_->in_flight - left;
  if (sent == 0) return;
  session_->in_flight = left;
  loop_.server().Sent(*session_, sent, loop_.now());
}

void UvConnection::Finish() {
  if (session_ == nullptr) return;
  session_->close_after_reply = true;
  Flush();
}

void UvConnection::Close() {
  if (session_ != nullptr) loop_.server().Disconnect(*session_);
  session_ = nullptr;
  if (uv_is_closing(handle()) != 0) return;
  uv_close(handle(), [](uv_handle_t* closed) {
    auto* connection = static_cast<UvConnection*>(closed->data);
    connection->loop_.Remove(*connection);
    delete connection;
  });
}

}  // namespace cartwheel::server
