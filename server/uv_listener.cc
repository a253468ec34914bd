#include "server/uv_listener.h"

#include <cerrno>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/uv_connection.h"
#include "server/uv_loop.h"

namespace cartwheel::server {
namespace {

std::unexpected<UvListener::Failure> CannotListen(const std::string& name, int code,
                                                  const std::string& advice = "") {
  return std::unexpected(
      UvListener::Failure{code, "cannot listen on " + name + ": " + uv_strerror(code) + advice});
}

int ParseAddress(const std::string& address, int port, sockaddr_storage& storage) {
  if (address == "*") return uv_ip4_addr("0.0.0.0", port, reinterpret_cast<sockaddr_in*>(&storage));
  const std::string text = address == "::*" ? "::" : address;
  if (uv_ip4_addr(text.c_str(), port, reinterpret_cast<sockaddr_in*>(&storage)) == 0) return 0;
  return uv_ip6_addr(text.c_str(), port, reinterpret_cast<sockaddr_in6*>(&storage));
}

// Whether a process listens on the socket file.
bool IsServed(const sockaddr_un& address) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool accepted =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  // EAGAIN: it listens, only its backlog is full.
  const bool served = accepted || errno == EAGAIN;
  close(fd);
  return served;
}

// 0 when the path is free; else libuv's code.
int ClearSocketPath(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // libuv would cut a longer name short and listen somewhere else.
  if (path.size() >= sizeof address.sun_path) return UV_ENAMETOOLONG;
  path.copy(address.sun_path, path.size());
  struct stat status{};
  if (lstat(path.c_str(), &status) != 0) return 0;
  if (!S_ISSOCK(status.st_mode)) return UV_EEXIST;
  if (IsServed(address)) return UV_EADDRINUSE;
  return unlink(path.c_str()) == 0 ? 0 : uv_translate_sys_error(errno);
}

}  // namespace

UvListener::UvListener(UvLoop& loop, bool unix_socket) : loop_(loop), unix_socket_(unix_socket) {
  if (unix_socket) {
    uv_pipe_init(loop.loop(), &handle_.pipe, 0);
  } else {
    uv_tcp_init(loop.loop(), &handle_.tcp);
  }
  handle()->data = this;
}

UvListener::Result UvListener::ListenTcp(UvLoop& loop, const std::string& address, int port,
                                         std::string_view option, int backlog) {
  const std::string name = address + ":" + std::to_string(port);
  sockaddr_storage storage{};
  if (int code = ParseAddress(address, port, storage); code != 0) {
    return CannotListen(name, code, "; 'bind' takes IP addresses");
  }
  Owner listener(new UvListener(loop, false));
  const unsigned flags = storage.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
  int code = uv_tcp_bind(&listener->handle_.tcp, reinterpret_cast<sockaddr*>(&storage), flags);
  if (code == 0) code = listener->Start(backlog);
  if (code == 0) return listener;
  const std::string advice = "; another server runs there, choose another with --";
  return CannotListen(name, code, code == UV_EADDRINUSE ? advice + std::string(option) : "");
}

UvListener::Result UvListener::ListenUnix(UvLoop& loop, const Config& config) {
  const std::string& path = config.unixsocket;
  if (int code = ClearSocketPath(path); code != 0) {
    return CannotListen(path, code, "; choose another with --unixsocket");
  }
  Owner listener(new UvListener(loop, true));
  int code = uv_pipe_bind(&listener->handle_.pipe, path.c_str());
  // Before anyone can connect.
  if (code == 0 && config.unixsocketperm != 0 &&
      chmod(path.c_str(), static_cast<mode_t>(config.unixsocketperm)) != 0) {
    code = uv_translate_sys_error(errno);
  }
  if (code == 0) code = listener->Start(config.tcp_backlog);
  if (code != 0) return CannotListen(path, code);
  return listener;
}

int UvListener::Start(int backlog) {
  return uv_listen(stream(), backlog, [](uv_stream_t* stream, int status) {
    auto* listener = static_cast<UvListener*>(stream->data);
    if (status == 0) UvConnection::Accept(listener->loop_, stream, listener->unix_socket_);
  });
}

// Removes the socket file too.
void UvListener::Close() {
  uv_close(handle(), [](uv_handle_t* closed) { delete static_cast<UvListener*>(closed->data); });
}

}  // namespace cartwheel::server
