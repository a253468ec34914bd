#include "server/uv_listener.h"

#include <sys/stat.h>
#include <unistd.h>

#include "server/uv_connection.h"
#include "server/uv_loop.h"

namespace cartwheel::server {
namespace {

std::string CannotListen(const std::string& name, int error) {
  std::string text = "cannot listen on " + name + ": " + uv_strerror(error);
  if (error == UV_EADDRINUSE) text += "; another server runs there, choose another with --port";
  return text;
}

int ParseAddress(const std::string& address, int port, sockaddr_storage& storage) {
  if (address == "*") return uv_ip4_addr("0.0.0.0", port, reinterpret_cast<sockaddr_in*>(&storage));
  const std::string text = address == "::*" ? "::" : address;
  if (uv_ip4_addr(text.c_str(), port, reinterpret_cast<sockaddr_in*>(&storage)) == 0) return 0;
  return uv_ip6_addr(text.c_str(), port, reinterpret_cast<sockaddr_in6*>(&storage));
}

}  // namespace

UvListener::Result UvListener::ListenTcp(UvLoop& loop, const std::string& address,
                                         const Config& config) {
  const std::string name = address + ":" + std::to_string(config.port);
  sockaddr_storage storage{};
  if (int error = ParseAddress(address, config.port, storage); error != 0) {
    return std::unexpected(CannotListen(name, error) + " ('bind' takes IP addresses)");
  }
  std::unique_ptr<UvListener> listener(new UvListener(loop, false));
  uv_tcp_init(loop.loop(), &listener->handle_.tcp);
  const unsigned flags = storage.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
  int error = uv_tcp_bind(&listener->handle_.tcp, reinterpret_cast<sockaddr*>(&storage), flags);
  if (error == 0) {
    if (auto started = listener->Start(name, config.tcp_backlog))
      return listener;
    else
      return std::unexpected(started.error());
  }
  return std::unexpected(CannotListen(name, error));
}

UvListener::Result UvListener::ListenUnix(UvLoop& loop, const Config& config) {
  std::unique_ptr<UvListener> listener(new UvListener(loop, true));
  uv_pipe_init(loop.loop(), &listener->handle_.pipe, 0);
  unlink(config.unixsocket.c_str());
  int error = uv_pipe_bind(&listener->handle_.pipe, config.unixsocket.c_str());
  if (error != 0) return std::unexpected(CannotListen(config.unixsocket, error));
  listener->path_ = config.unixsocket;
  if (auto started = listener->Start(config.unixsocket, config.tcp_backlog); !started) {
    return std::unexpected(started.error());
  }
  if (config.unixsocketperm != 0) {
    chmod(config.unixsocket.c_str(), static_cast<mode_t>(config.unixsocketperm));
  }
  return listener;
}

std::expected<void, std::string> UvListener::Start(const std::string& name, int backlog) {
  handle()->data = this;
  int error = uv_listen(stream(), backlog, [](uv_stream_t* stream, int status) {
    auto* listener = static_cast<UvListener*>(stream->data);
    if (status == 0) UvConnection::Accept(listener->loop_, stream, listener->unix_socket_);
  });
  if (error != 0) return std::unexpected(CannotListen(name, error));
  return {};
}

void UvListener::Close() {
  if (uv_is_closing(handle()) != 0) return;
  uv_close(handle(), nullptr);
  if (!path_.empty()) unlink(path_.c_str());
}

}  // namespace cartwheel::server
