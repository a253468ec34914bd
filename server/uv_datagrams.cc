#include "server/uv_datagrams.h"

#include "server/uv_loop.h"

namespace cartwheel::server {

UvDatagrams::UvDatagrams(UvLoop& loop) : loop_(loop) {
  uv_udp_init(loop.loop(), &udp_);
  udp_.data = this;
}

std::expected<void, std::string> UvDatagrams::Listen(const sockaddr& address) {
  int code = uv_udp_bind(&udp_, &address, 0);
  if (code == 0) {
    code = uv_udp_recv_start(
        &udp_,
        [](uv_handle_t* handle, size_t, uv_buf_t* buffer) {
          auto& bytes = static_cast<UvDatagrams*>(handle->data)->buffer_;
          *buffer = uv_buf_init(bytes.data(), bytes.size());
        },
        [](uv_udp_t* udp, ssize_t length, const uv_buf_t*, const sockaddr* from, unsigned flags) {
          static_cast<UvDatagrams*>(udp->data)->OnDatagram(length, from, flags);
        });
  }
  if (code != 0) return std::unexpected(uv_strerror(code));
  return {};
}

// Without a sender it is libuv's word that there is nothing more to read. Errors are those of
// datagrams sent before, which nobody waits for.
void UvDatagrams::OnDatagram(ssize_t length, const sockaddr* from, unsigned flags) {
  if (length < 0 || from == nullptr || (flags & UV_UDP_PARTIAL) != 0) return;
  loop_.server().ReceiveDatagram({buffer_.data(), static_cast<size_t>(length)}, loop_.now());
}

void UvDatagrams::Send(const sockaddr& to, std::string_view bytes) {
  uv_buf_t buffer =
      uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  uv_udp_try_send(&udp_, &buffer, 1, &to);
}

void UvDatagrams::Stop() {
  auto* const handle = reinterpret_cast<uv_handle_t*>(&udp_);
  if (uv_is_closing(handle) == 0) uv_close(handle, nullptr);
}

}  // namespace cartwheel::server
